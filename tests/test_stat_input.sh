#!/bin/sh
# SPDX-License-Identifier: MIT
# hapax stat: where its input comes from: folders, lists of names, compressed files, odd files.
. "${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}/tests/stat_functions"

awk 'BEGIN { for (i = 0; i < 200000; i++) print "line", i * 7919 % 4001, i % 13 }' >many.txt
lines=200000
distinct=$(sort -u many.txt | wc -l | tr -d ' ')

# --- Compressed ---

for tool in gzip:zlib zstd:libzstd; do
	library=${tool#*:}
	tool=${tool%:*}
	if ! command -v "$tool" >/dev/null; then
		skip "$tool" 'no such program'
		continue
	fi
	$tool -c <many.txt >packed
	run stat --json --rounds=1 packed
	if says "built without $library"; then
		check "$tool: a build without it says so" is "$status" 1
		continue
	fi
	check "$tool: what is in it" counts_are $lines "$distinct"
	check "$tool: the size is that of the file" is "$(field input_bytes)" "$(wc -c <packed | tr -d ' ')"
	"$hapax" stat --json <packed >out 2>err
	status=$?
	check "$tool: from standard input" counts_are $lines "$distinct"
	cat packed packed >two
	run stat --json --rounds=1 two
	check "$tool: two behind each other" counts_are $((lines * 2)) "$distinct"
	head -c 20000 packed >torn
	run stat --json --rounds=1 torn packed
	check "$tool: one that is cut short" says '^hapax: torn: .*ends too early'
	status=0
	check "$tool: the whole one is done" counts_are $lines "$distinct"
	{ head -c 20000 packed; head -c 2000 /dev/zero; tail -c +22001 packed; } >damaged
	run stat --json --rounds=1 damaged
	check "$tool: a damaged one" says '^hapax: damaged: .*damaged'
	printf '\357\273\277a\na\n' | $tool -c >marked
	run stat --json --rounds=1 marked
	check "$tool: a byte order mark in it" is "$(field distinct)" 1
	printf '' | $tool -c >nothing
	run stat --json --rounds=1 nothing
	check "$tool: nothing in it" counts_are 0 0
done

if command -v gzip >/dev/null && ! says 'built without zlib'; then
	{ gzip -c <many.txt; head -c 70000 /dev/zero; gzip -c <many.txt; head -c 5 /dev/zero; } >padded
	run stat --json --rounds=1 padded
	says 'built without' || check 'gzip: zeros behind a member' counts_are $((lines * 2)) "$distinct"
	printf '\037\213' >torn
	run stat torn
	check 'gzip: cut behind its mark' is "$status" 1
fi
if command -v zstd >/dev/null; then
	{ printf 'P*M\030\004\000\000\000abcd'; zstd -c <many.txt; } >skipped
	run stat --json --rounds=1 skipped
	says 'built without' || check 'zstd: a frame that is passed over comes first' counts_are $lines "$distinct"
fi
printf '\3757zXZ\000\000\004' >packed
run stat packed
check 'xz is refused, not cut' says '^hapax: packed: xz data'
printf 'BZh91AY&SY\200' >packed
run stat packed
check 'bzip2 too' says '^hapax: packed: bzip2 data'

# --- Folders and lists ---

mkdir -p tree/b/c tree/a 'tree/b/with
newline'
printf 'one\n' >tree/b/c/1.txt
printf 'two\n' >tree/a/2.txt
printf 'three\n' >'tree/b/with
newline/3.txt'
printf 'four\n' >tree/4.dat
ln -s ../.. tree/b/loop
ln -s ../4.dat tree/a/link.txt
mkfifo tree/fifo
run stat --json --rounds=1 --recursive tree
check '--recursive: the files in a folder' counts_are 4 4
check '--recursive: links and FIFOs are passed over' is "$(field files)" 4
run stat --json --rounds=1 -r --include='*.txt' tree tree/4.dat
check '--include chooses in folders, not among the arguments' counts_are 4 4
run stat --json --rounds=1 -r tree missing
check '--recursive: a name that is not there' says '^hapax: missing: '
run stat --json --rounds=1 tree
check 'a folder without --recursive' says '^hapax: tree: .*--recursive'
find tree -type f -print0 >names
run stat --json --rounds=1 --files0-from=names
check '--files0-from: a list' counts_are 4 4
"$hapax" stat --json --files0-from=- <names >out 2>err
status=$?
check '--files0-from=-: standard input' counts_are 4 4
printf 'many.txt' >names
run stat --json --rounds=1 --files0-from=names tree/4.dat
check '--files0-from: a last name without NUL, and arguments beside it' counts_are $((lines + 1)) $((distinct + 1))
: >names
run stat --json --rounds=1 --files0-from=names
check '--files0-from: an empty list is no standard input' counts_are 0 0
check '--files0-from: no file was done: no percentage' grep -q '"saved_percent": null' out
run stat --json --rounds=1 --files0-from=missing
check '--files0-from: no such list' is "$status" 1

# More files than a process may map.
mkdir numbers
awk 'BEGIN { for (i = 0; i < 70000; i++) { file = "numbers/" i; print i % 1000 >file; close(file) } }'
run stat --json --rounds=1 --top=0 -r numbers
check '70,000 files' counts_are 70000 1000
rm -rf numbers

# --- Odd files ---

if [ -r /sys/kernel/mm/transparent_hugepage/enabled ]; then
	run stat --json --rounds=1 /sys/kernel/mm/transparent_hugepage/enabled
	check 'a file of /sys, which says that it is larger than it is' counts_are 1 1
	check 'a file of /sys: its real size' is "$(field input_bytes)" "$(wc -c </sys/kernel/mm/transparent_hugepage/enabled | tr -d ' ')"
else
	skip 'a file of /sys' 'there is none'
fi

# A file that is cut short while it is read: the program goes on, whatever it saw of it.
cp many.txt shrinking.txt
for _ in 1 2 3 4 5 6 7; do cat many.txt; done >>shrinking.txt
(
	while [ ! -e enough ]; do
		: >shrinking.txt
		cat many.txt >>shrinking.txt
	done
) 2>/dev/null &
shrinker=$!
died=0
for format in csv json xml words; do
	has_format $format || continue
	for _ in 1 2 3 4 5; do
		run stat --json --rounds=1 --split=$format shrinking.txt
		[ "$status" -le 1 ] || died=1
		grep -qiE 'signal|bus error' err && died=1
	done
done
: >enough
wait $shrinker
rm shrinking.txt
check 'a file that is cut short meanwhile kills nothing' is $died 0

# A file of which the first part was cut, and then reading fails or it turns out to be malformed, is left out whole.
if has_format json; then
	{ awk 'BEGIN { for (i = 0; i < 100000; i++) print "{\"k\": " i "}" }'; echo '{"k"'; } >late.json
	printf '"x"' >small.json
	run stat --json --rounds=1 --split=json late.json small.json
	check 'malformed at its end: left out whole' is "$(field values)" 1
	check 'malformed at its end: its line' says '^hapax: late\.json:100001: '
	check 'malformed at its end: it is counted' is "$(field files_left_out)" 1
fi

# XML of more than 2 GiB, out of a pipe.
if has_format xml && [ -n "$HAPAX_LARGE_TESTS" ]; then
	awk 'BEGIN { print "<a>"; line = sprintf("<b>%01000d</b>", 7); for (i = 0; i < 2200000; i++) print line; print "</a>" }' |
		"$hapax" stat --json --rounds=1 --split=xml >out 2>err
	status=$?
	check 'XML of more than 2 GiB' counts_are 4400001 3
else
	skip 'XML of more than 2 GiB' 'takes a minute and 5 GB; HAPAX_LARGE_TESTS=1 runs it'
fi

# --- Short values ---

printf 'a\nbb\nccc\nbb\n\n' >short.txt
run stat --json --rounds=1 --min-length=2 short.txt
check '--min-length=2' counts_are 3 2
check '--min-length: what was left out' is "$(field values_left_out)" 2
finish
