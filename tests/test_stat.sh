#!/bin/sh
# SPDX-License-Identifier: MIT
# The program hapax: what it counts, what it reports, and how it refuses.

. "${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}/tests/stat_functions"

# --- Lines and words, against the usual tools, in 1, 2 and 8 threads ---

awk 'BEGIN { for (i = 0; i < 200000; i++) print "line", i * 7919 % 4001, i % 13 }' >many.txt
awk 'BEGIN { for (i = 0; i < 20000; i++) print "only " i; for (i = 0; i < 5000; i++) print "" }' >rare.txt
printf 'one\n' >one.txt
printf '\n\n\n' >newlines.txt
dd if=/dev/urandom of=binary.bin bs=65536 count=16 2>/dev/null
printf '\n' >>binary.bin
printf 'a\000b\na\000c\na\000b\n\000\n\000\000\n' >nul.txt

for file in many.txt rare.txt one.txt newlines.txt binary.bin nul.txt; do
	lines=$(wc -l <$file | tr -d ' ')
	distinct=$(sort -u $file | wc -l | tr -d ' ')
	for threads in 1 2 8; do
		run stat --json --rounds=1 --threads=$threads $file
		check "$file: lines in $threads threads" counts_are "$lines" "$distinct"
	done
done

tr -s ' \t\n\v\f\r' '\n' <many.txt | sed '/^$/d' >words.txt
lines=$(wc -l <words.txt | tr -d ' ')
distinct=$(sort -u words.txt | wc -l | tr -d ' ')
for threads in 1 2 8; do
	run stat --json --rounds=1 --split=words --threads=$threads many.txt
	check "words in $threads threads" counts_are "$lines" "$distinct"
done

run stat --json --rounds=1 --threads=3 many.txt rare.txt one.txt
lines=$(cat many.txt rare.txt one.txt | wc -l | tr -d ' ')
distinct=$(cat many.txt rare.txt one.txt | sort -u | wc -l | tr -d ' ')
check 'several files' counts_are "$lines" "$distinct"
check 'several files are counted' is "$(field files)" 3
bytes=$(cat many.txt rare.txt one.txt | wc -c | tr -d ' ')
check 'several files: their bytes' is "$(field input_bytes)" "$bytes"
bytes=$(cat many.txt rare.txt one.txt | sort -u | tr -d '\n' | wc -c | tr -d ' ')
check 'several files: bytes of the distinct values' is "$(field distinct_bytes)" "$bytes"

# --- Ends and edges ---

printf 'a\nb\na' >open.txt
run stat --json --rounds=1 --threads=2 open.txt
check 'a last line without newline counts' counts_are 3 2

: >empty.txt
run stat --json --rounds=1 --threads=8 empty.txt
check 'an empty file' counts_are 0 0
check 'an empty file: JSON' is_json
run stat --json --rounds=1 </dev/null
check 'empty standard input' counts_are 0 0
run stat empty.txt
check 'an empty file: text' is "$status" 0

awk 'BEGIN { for (i = 0; i < 1048576; i++) printf "abcdefghij" }' >long.txt
cp long.txt twice.txt
printf '\nx\n' >>twice.txt
cat long.txt >>twice.txt
for threads in 1 8; do
	run stat --json --rounds=1 --threads=$threads --top=0 twice.txt
	check "lines of 10 MB in $threads threads" counts_are 3 2
done
check 'a long line: its bytes' is "$(field distinct_bytes)" 10485761
run stat twice.txt
check 'a long line is cut in the table' is "$(awk 'length > 100' out | wc -l | tr -d ' ')" 0

"$hapax" stat --json <many.txt >out 2>err
status=$?
check 'standard input from a file' counts_are 200000 "$(sort -u many.txt | wc -l | tr -d ' ')"
# shellcheck disable=SC2002 # a pipe, not a file
cat many.txt | "$hapax" stat --json --threads=2 >out 2>err
status=$?
check 'standard input from a pipe' counts_are 200000 "$(sort -u many.txt | wc -l | tr -d ' ')"
# shellcheck disable=SC2002 # a pipe, not a file
cat open.txt | "$hapax" stat --json - one.txt >out 2>err
status=$?
check '- is standard input' counts_are 4 3
# shellcheck disable=SC2002 # a pipe, not a file
cat open.txt | "$hapax" stat --json /dev/stdin >out 2>err
status=$?
check '/dev/stdin' counts_are 3 2
mkfifo fifo
cat open.txt >fifo &
run stat --json --rounds=1 fifo
check 'a FIFO' counts_are 3 2

mkdir numbers
awk 'BEGIN { for (i = 0; i < 3000; i++) { file = "numbers/" i; print i % 1000 >file; close(file) } }'
run stat --json --rounds=1 --top=0 --threads=2 numbers/*
check 'thousands of files' counts_are 3000 1000
check 'thousands of files are counted' is "$(field files)" 3000

# --- What cannot be read ---

run stat --json --rounds=1 missing.txt one.txt
check 'a missing file: exit status' is "$status" 1
check 'a missing file is named' says '^hapax: missing\.txt: '
check 'a missing file: one line' is_one_line
status=0
check 'a missing file: the other is done' counts_are 1 1
mkdir folder
run stat --json --rounds=1 folder one.txt
check 'a directory: exit status' is "$status" 1
check 'a directory is named' says '^hapax: folder: '
status=0
check 'a directory: the other is done' counts_are 1 1
if [ "$(id -u)" -ne 0 ]; then
	cp one.txt secret.txt
	chmod 0 secret.txt
	run stat secret.txt
	check 'a file without permission' is "$status" 1
else
	skip 'a file without permission' 'root may read everything'
fi
if [ -r /proc/self/mem ]; then
	run stat --json --rounds=1 /proc/self/mem one.txt
	check 'a file whose reading fails: exit status' is "$status" 1
	check 'a file whose reading fails is named' says '^hapax: /proc/self/mem: '
	status=0
	check 'a file whose reading fails: the other is done' counts_are 1 1
else
	skip 'a file whose reading fails' 'no such file here'
fi

# --- The JSON report ---

run stat --json --rounds=1 --top=3 many.txt
check 'JSON is valid' is_json
for key in version split threads files input_bytes values distinct distinct_bytes plain interned \
	heap_bytes rss_bytes seconds collections collector_seconds saved_bytes saved_percent \
	values_per_second top; do
	check "JSON has $key" grep -q "\"$key\":" out
done
check '--top=3 shows three' is "$(grep -c '{"value":' out)" 3
check 'without --reclaim there is no such key' is "$(grep -c '"reclaim":' out)" 0
check 'the plain heap is measured' [ "$(inner plain heap_bytes)" -gt 1000000 ]
check 'the interned heap is measured' [ "$(inner interned heap_bytes)" -gt 1000000 ]
check 'saved is the difference of the heaps' is "$(field saved_bytes)" \
	"$(($(inner plain heap_bytes) - $(inner interned heap_bytes)))"
awk 'BEGIN { for (i = 0; i < 200000; i++) print "a value that comes again", i % 100 }' >again.txt
run stat --json --rounds=1 again.txt
check 'interning saves on repeated values' [ "$(field saved_bytes)" -gt 1000000 ]

printf 'x\ny\nx\nx\nz\ny\n' >top.txt
run stat --json --rounds=1 top.txt
check 'the values that save most come first' is \
	"$(sed -n 's/.*{"value": "\(.\)", "count": \([0-9]*\).*/\1\2/p' out | tr '\n' ' ')" 'x3 y2 '
printf 'bad \377\376 "quote" \\ \001\t\303\251 \355\240\200\nagain\n' >bytes.txt
cat bytes.txt bytes.txt nul.txt binary.bin binary.bin >all.bin
run stat --json --rounds=1 --top=10000 all.bin
check 'JSON is valid for any bytes' is_json
check 'JSON escapes quotes' grep -q '\\"quote\\"' out

# --- Reclaim ---

# The poor hashes of the hard build leave large tables.
share=10
if is_hard_build; then
	share=4
fi
# Enough values that what each thread keeps is small beside them. A word that the collector itself has not overwritten may
# hold one value or two.
distinct=300000
[ $share = 10 ] || distinct=50000
awk -v n=$distinct 'BEGIN { for (i = 0; i < n; i++) print "value number", i }' >distinct.txt
for threads in 1 8; do
	run stat --json --rounds=1 --reclaim --threads=$threads distinct.txt
	check "--reclaim in $threads threads: JSON" is_json
	check "--reclaim in $threads threads: all are different" is "$(field distinct)" $distinct
	check "--reclaim in $threads threads evicts everything" [ "$(inner reclaim evicted)" -ge $((distinct - 2)) ]
	check "--reclaim in $threads threads leaves less than 1/$share of the heap" [ \
		"$(($(inner reclaim heap_left_bytes) * share))" -lt "$(inner reclaim heap_bytes)" ]
done
run stat --reclaim distinct.txt
check '--reclaim in the table' grep -q 'evicted .* values in' out

# --- The text report ---

run stat many.txt
check 'the table names both ways' [ "$(grep -cE '^  (plain|interned) ' out)" = 2 ]
check 'no escape sequence where there is no terminal' is \
	"$(cat out err | tr -dc '\033' | wc -c | tr -d ' ')" 0
check 'nothing on standard error' is "$(wc -c <err | tr -d ' ')" 0

# --- On a terminal ---

# terminal COLUMNS OPTION...: the report and the bar, as they come to a terminal, are left in out.
terminal() {
	columns=$1
	shift
	program=$hapax TERM=xterm SHELL=/bin/sh script -qec \
		"stty cols $columns; \"\$program\" stat $*" /dev/null <many.txt >out 2>err
}

escape=$(printf '\033')
if [ "$(script -qec 'test -t 1 && echo terminal' /dev/null 2>/dev/null </dev/null | tr -d '\r')" = terminal ]; then
	for columns in 40 80; do
		terminal $columns --reclaim --top=3 many.txt
		check "$columns columns: a bar" grep -q 'interned *\[[#.]*\] *[0-9]* %' out
		check "$columns columns: emphasis" grep -q "$escape\[1m" out
		tr '\r' '\n' <out | sed "s/$escape\[[0-9]*[mK]//g" >lines
		check "$columns columns: no line is longer" is \
			"$(awk -v most="$columns" 'length > most' lines | wc -l | tr -d ' ')" 0
		check "$columns columns: the chart" grep -q 'plain  *##' lines
	done
	terminal 80 --json many.txt 2\>/dev/null
	check 'a terminal gets JSON without any escape' is "$(grep -c "$escape" out)" 0
	terminal 80 many.txt \>table
	check 'a bar where only standard error is a terminal' grep -q 'interned *\[' out
	check 'and no emphasis in the file' is "$(grep -c "$escape" table)" 0
	terminal 80 many.txt 2\>said
	check 'no bar where standard error is no terminal' is "$(wc -c <said | tr -d ' ')" 0
else
	skip 'on a terminal' 'no script(1)'
fi

# --- The plot ---

if gnuplot -e 'set terminal svg' >/dev/null 2>&1; then
	run stat --plot=plot.svg many.txt
	check '--plot: exit status' is "$status" 0
	check '--plot draws an SVG' grep -q '<svg' plot.svg
	run stat --plot=folder/none/plot.svg many.txt
	check '--plot where nothing can be written' is "$status" 1
else
	skip '--plot: exit status' 'no gnuplot'
fi
run stat --plot=plot.gif many.txt
check '--plot of another kind' is "$status" 2

# --- Arguments ---

for arguments in help --help --version 'stat --help' 'stat --version'; do
	# shellcheck disable=SC2086
	run $arguments
	check "hapax $arguments" is "$status" 0
	check "hapax $arguments says something" [ -s out ]
done
run --version
check '--version gives the version' is "$(cat out)" "hapax ${VERSION:-$(sed 's/hapax //' out)}"
for arguments in '' nonsense --nonsense 'stat --nonsense' 'stat --split=zip' 'stat --split' \
	'stat --threads=0' 'stat --threads=x' 'stat --threads=-1' 'stat --top=x' 'stat --json=1'; do
	# shellcheck disable=SC2086
	run $arguments </dev/null
	check "refused: hapax $arguments" is "$status" 2
	check "refused: hapax $arguments says why" [ -s err ]
done

# --- Standard output that is full ---

if [ -w /dev/full ]; then
	for arguments in --help 'stat many.txt' 'stat --json many.txt'; do
		# shellcheck disable=SC2086
		"$hapax" $arguments >/dev/full 2>err
		status=$?
		check "/dev/full: hapax $arguments: exit status" is "$status" 1
		check "/dev/full: hapax $arguments: said why" says '^hapax: standard output: '
	done
else
	skip '/dev/full' 'there is none'
fi

# --- A reader that leaves, and memory that ends ---

"$hapax" stat --json --top=100000 many.txt 2>err | head -n 1 >out
check '| head: the first line' is "$(cat out)" '{'
check '| head: not a word' is "$(cat err)" ''

# shellcheck disable=SC3045 # every shell that is sh somewhere has -v
if (ulimit -v 400000 && "$hapax" --version) >/dev/null 2>&1; then
	awk 'BEGIN { for (i = 0; i < 4000000; i++) print i }' >most.txt
	for threads in 1 4; do
		(
			# No wish of the caller's for a heap that is larger than all there is.
			unset GC_INITIAL_HEAP_SIZE
			ulimit -v 100000
			exec "$hapax" stat --json --threads=$threads most.txt
		) >out 2>err
		status=$?
		check "little memory, $threads threads: exit status" is "$status" 1
		check "little memory, $threads threads: said why" says '^hapax: \(out of memory\|cannot start a thread: \)'
		check "little memory, $threads threads: no report" is "$(wc -c <out | tr -d ' ')" 0
	done
else
	skip 'little memory' 'it cannot be limited here'
fi

finish
