#!/bin/sh
# SPDX-License-Identifier: MIT
# hapax stat: what the reports say, how values look on a terminal, pictures, comparisons.
. "${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}/tests/stat_functions"

# --- Plain strings ---

# Twenty bytes, each 1.8 times: a string of strdup takes 32 bytes, one with its length in front 48.
awk 'BEGIN { for (i = 0; i < 90000; i++) printf "%020d\n", i % 50000 }' >twenty.txt
run stat --json --rounds=1 twenty.txt
check 'the report says which strings' grep -q '"plain": {"way": "strdup"' out
# The sizes of blocks are those of glibc; a sanitizer brings an allocator of its own.
saving=${top_builddir:-.}/tests/stat_saving
if [ -x "$saving" ] && [ "$("$saving" plain <twenty.txt)" -gt 0 ]; then
	check 'plain strings are those of strdup' is "$(inner plain bytes_a_value)" 32
	check 'the plain heap is strings and pointers' is "$(inner plain heap_bytes)" $((90000 * 40))
	run stat --json --rounds=1 --plain=counted twenty.txt
	check '--plain=counted' is "$(inner plain bytes_a_value)" 48
else
	skip 'plain strings' 'another allocator'
fi
run stat --plain=pascal twenty.txt
check '--plain of another kind' is "$status" 2

# --- Small data, and none ---

printf 'a\na\n' >small.txt
run stat --json small.txt
check 'small data: no percentage' grep -q '"saved_percent": null' out
check 'small data: the advice' grep -q '"advice": "too few values"' out
check 'small data: fixed costs are shown apart' [ "$(inner interned fixed_bytes)" -gt 0 ]
run stat small.txt
check 'small data: nothing is called lost' is "$(grep -c lost out)" 0
check 'small data: the table says that they are few' grep -q 'too few' out
run stat --json missing.txt
check 'no file done: no percentage' grep -q '"saved_percent": null' out
run stat missing.txt
check 'no file done: no report' is "$(wc -c <out | tr -d ' ')" 0
: >empty.txt
run stat empty.txt
check 'no values: said' grep -q 'no values' out
mkdir folder
run stat -r folder
check 'no files: said' grep -q '^0 files.*; ' out
awk 'BEGIN { printf "%0999d\303\251\n%0999d\303\251\n%0998d\303\251\n%0998d\303\251\n", 1, 1, 1, 1 }' >cut.txt
run stat --json --rounds=1 cut.txt
check 'a long value is not cut inside a character' is "$(grep -c '0001", "count": 2, "size": 1001' out)$(grep -c '0001.*ufffd' out)" 10

# --- The verdict ---

awk 'BEGIN { for (i = 0; i < 200000; i++) print "a value that comes again", i % 100 }' >again.txt
run stat --json again.txt
check 'values that come again: intern them' grep -q '"advice": "intern"' out
for word in 'repeats": 2000' 'pays_from": ' 'bytes of heap instead of' 'of a processor'; do
	check "the verdict has: $word" [ "$(sed -n '/"verdict": {/p' out | grep -c "$word")" = 1 ]
done
run stat --rounds=3 again.txt
check 'the verdict stands in the table' grep -q 'Intern these values' out
check 'rounds are said' grep -q '3 rounds' out
awk 'BEGIN { for (i = 0; i < 100000; i++) print "once only", i }' >once.txt
run stat --json --rounds=3 once.txt
check 'values that occur once: do not intern them' grep -q '"advice": "do not intern"' out
check 'processor time has a spread' [ "$(inner plain seconds_least)" != "$(inner plain seconds_most)" ]
check 'three rounds' is "$(field rounds)" 3
run stat --json --rounds=1 --threads=2 again.txt
if grep -q '"way": "counted"' out; then
	for way in counted arena; do
		check "GLib's $way strings are measured" grep -q "\"way\": \"$way\", \"heap_bytes\": [1-9].*\"pays_from\": [0-9]" out
	done
else
	skip "GLib's strings are measured" 'not in this build'
fi

# --- Histograms and values ---

awk 'BEGIN { for (i = 0; i < 5; i++) print "four"; print ""; print "x"; print "x"; for (i = 0; i < 9; i++) print "sixteen bytes it" }' >hist.txt
run stat --json --values=list hist.txt
check 'lengths' is "$(sed -n '/"lengths"/,/]/s/.*{"from": \([0-9]*\), "count": \([0-9]*\), "distinct": \([0-9]*\)}.*/\1:\2:\3/p' out | tr '\n' ' ')" \
	'0:1:1 1:2:1 4:5:1 16:9:1 '
check 'repeats' is "$(sed -n '/"repeats": \[/,/]/s/.*{"from": \([0-9]*\), "count": \([0-9]*\), "distinct": \([0-9]*\)}.*/\1:\2:\3/p' out | tr '\n' ' ')" \
	'1:1:1 2:2:1 4:5:1 8:9:1 '
printf '9\tsixteen bytes it\n5\tfour\n2\tx\n1\t\n' >expected
check '--values: every value with its count' cmp list expected
run stat --values=none/list hist.txt
check '--values where nothing can be written' says '^hapax: none/list: '
check '--values where nothing can be written: exit status' is "$status" 1
run stat hist.txt
check 'the histograms stand in the table' grep -q '16-31 *9 *1' out

# --- Long values, and those that cannot be seen ---

awk 'BEGIN { for (j = 0; j < 2; j++) { for (i = 0; i < 1000000; i++) printf "abcdefghij"; print "" } }' >long.txt
run stat --json --rounds=1 long.txt
check 'a top value of 10 MB is shown by its beginning' [ "$(wc -c <out)" -lt 10000 ]
check 'with its size' grep -q '"size": 10000000' out

utf8=
for locale in C.UTF-8 C.utf8 en_US.UTF-8; do
	if [ "$(LC_ALL=$locale locale charmap 2>/dev/null)" = UTF-8 ]; then
		utf8=$locale
		break
	fi
done
# In order: empty, blank, zero width space, no-break space, right-to-left override, Hebrew, escape, quote, combining mark, e with acute.
printf '\n \n\342\200\213\n\302\240\n\342\200\256x\n\327\220\n\033[31m\n"\n\314\201\n\303\251\n' >odd.txt
cat odd.txt odd.txt >odd2.txt
if [ -n "$utf8" ]; then
	LC_ALL=$utf8 "$hapax" stat --top=20 odd2.txt >out 2>err
	for shown in '""' '" "' '"\\u200b"' '"\\u00a0"' '"\\u202ex"' '"\\u05d0"' '"\\x1b\[31m"' '"\\""' '"\\u0301"' "\"$(printf '\303\251')\""; do
		check "shown: $shown" grep -q "  $shown\$" out
	done
else
	skip 'values that cannot be seen' 'no UTF-8 here'
fi
run stat --top=20 odd2.txt
check 'without UTF-8 its bytes are escaped' grep -q '"\\xc3\\xa9"$' out

# The same in names of files: CSI as one character, right-to-left override, a byte that is no text, escape.
odd_name=$(printf 'a\302\233b\342\200\256c\377d\033e')
run stat "$odd_name"
check 'a name in a message acts on no terminal' says '^hapax: a??b???c?d?e: '
printf '{"values": 1, "interned": {}}' >"$odd_name"
if has_format json; then
	run stat --compare "$odd_name" "$odd_name"
	check 'nor does one in a comparison' grep -qF 'first   "a\xc2\x9bb\xe2\x80\xaec\xffd\x1be"' out
fi
printf 'a\033b\n' >escape.csv
run stat --split=csv --delimiter="$(printf '\033')" escape.csv
check 'nor does a delimiter' grep -qF 'delimiter \x1b' out

# --- Standard error is the program's own ---

# The collector warns of blocks this large.
awk 'BEGIN { for (j = 0; j < 40; j++) { printf "%d", j; for (i = 0; i < 1000000; i++) printf "abcdefghij"; print "" } }' >blocks.txt
env -u GC_MAXIMUM_HEAP_SIZE GC_LARGE_ALLOC_WARN_INTERVAL=1 "$hapax" stat --json --rounds=1 --top=0 blocks.txt >out 2>err
status=$?
check 'large blocks' counts_are 40 40
check 'no warning of the collector' is "$(cat err)" ''

# --- Pictures ---

if gnuplot -e 'set terminal svg' >/dev/null 2>&1; then
	mkdir home
	echo 'set output "home/caught"; set terminal dumb; plot x' >home/.gnuplot
	HOME=$work/home "$hapax" stat --rounds=1 --plot=plot.svg again.txt >out 2>err
	status=$?
	check '--plot: exit status' is "$status" 0
	check '--plot draws an SVG' grep -q '<svg' plot.svg
	check '--plot does not read ~/.gnuplot' [ ! -e home/caught ]
	check '--plot: numbers stand on the bars' grep -q ' MiB' plot.svg
	check '--plot: saved' grep -q 'interning saves' plot.svg
	run stat --rounds=1 --plot=loss.svg once.txt
	check '--plot: a loss is called so' grep -q 'interning loses' loss.svg
	"$hapax" stat --rounds=1 --plot=plot.svg again.txt <&- >out 2>err
	check '--plot with a closed standard input' grep -q '<svg' plot.svg
	before=$(cksum <plot.svg)
	PATH=$work/nowhere "$hapax" stat --rounds=1 --plot=plot.svg again.txt >out 2>err
	status=$?
	check '--plot without gnuplot: exit status' is "$status" 1
	check '--plot without gnuplot leaves the picture' is "$(cksum <plot.svg)" "$before"
	mkdir bin
	printf '#!/bin/sh\ncat >/dev/null\n' >bin/gnuplot
	chmod +x bin/gnuplot
	PATH=$work/bin:$PATH "$hapax" stat --rounds=1 --plot=plot.svg again.txt >out 2>err
	check '--plot where gnuplot draws nothing leaves the picture' is "$(cksum <plot.svg)" "$before"
	check '--plot leaves no other file' is "$(find . -name '*plot.svg*' | grep -c .)" 1
else
	skip '--plot' 'no gnuplot'
fi
"$hapax" stat --json <&- >out 2>err
status=$?
check 'a closed standard input is no empty file' is "$status" 1

# --- Two reports ---

"$hapax" stat --json --rounds=1 again.txt >a.json 2>err
"$hapax" stat --json --rounds=1 once.txt >b.json 2>err
run stat --compare a.json b.json
if says 'built without'; then
	skip '--compare' 'no JSON in this build'
else
	check '--compare: exit status' is "$status" 0
	check '--compare: a row' grep -q 'values *200,000 *100,000 *-50.0 %' out
	run stat --compare a.json missing.json
	check '--compare: a missing report' says '^hapax: missing\.json: '
	run stat --compare a.json .
	check '--compare: a folder' is "$status$(grep -c '^hapax: \.: Is a directory' err)" 11
	"$hapax" stat --compare a.json - <b.json >out 2>err
	check '--compare: one from standard input' grep -q 'values *200,000 *100,000 *-50.0 %' out
	printf '{"values": -1e300, "input_bytes": 1e300, "interned": {}}' >wild.json
	run stat --compare wild.json wild.json
	check '--compare: numbers that nothing has' grep -q 'values  *-  *- ' out
	run stat --compare a.json again.txt
	check '--compare: no report' says '^hapax: again\.txt: not a report'
	run stat --compare a.json
	check '--compare takes two' is "$status" 2
fi
finish
