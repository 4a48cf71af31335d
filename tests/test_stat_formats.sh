#!/bin/sh
# SPDX-License-Identifier: MIT
# hapax stat: what the formats cut, what they refuse, and where the values stand.
. "${top_srcdir:-$(cd "$(dirname "$0")/.." && pwd)}/tests/stat_functions"

# --- C ---

cat >tokens.c <<'END'
#include "x.h" /* no token
   int */ // nor this \
   nor that
static const char *name = L"a \"quoted\" one" u8"b" '\'';
in\
t x = 0x1p+3 + 1.5e-3f; x <<= a+++b; // end
END
run stat --json --rounds=1 --split=c tokens.c
check 'tokens of C' counts_are 27 22
printf 'int a = "never ends\nint b; /* nor this' >torn.c
run stat --json --rounds=1 --split=c torn.c
check 'literals and comments without an end' counts_are 7 6
# shellcheck disable=SC1003 # a backslash, no quote
printf '\\\n\\\n\\' >splices.c
run stat --json --rounds=1 --split=c splices.c
check 'nothing but line splices' is "$status" 0
dd if=/dev/urandom of=binary.bin bs=65536 count=16 2>/dev/null
run stat --json --rounds=1 --split=c --top=0 binary.bin
values=$(field values)
for threads in 2 8; do
	run stat --json --rounds=1 --split=c --top=0 --threads=$threads binary.bin
	check "binary as C in $threads threads" is "$(field values)" "$values"
done

# --- CSV, JSON and XML ---

printf 'a,"b ""c""\nd",\r\n\r\n x ,a,last' >good.csv
printf 'a,b\n\nc,"d\ne\nf\n' >bad.csv
printf '{"a": [1, 2.50, true, null, "\\u0041\\u0000"], "b": ""}\n{"a": "A"}\n' >good.json
printf '{"a": 1,\n"b": [1, 2,\n}\n' >bad.json
printf '<?xml version="1.0"?>\n<a x="1"><b>p &amp; q</b>\n <b>r<!-- no -->s<![CDATA[<t>]]></b>\n</a>\n' >good.xml
printf '<a>\n<b>\n</a>\n' >bad.xml

for expected in csv:6:5:3 json:10:9:3 xml:8:7:3; do
	format=${expected%%:*}
	rest=${expected#*:}
	values=${rest%%:*}
	rest=${rest#*:}
	distinct=${rest%%:*}
	line=${rest#*:}
	if ! has_format "$format"; then
		skip "$format" 'not in this build'
		continue
	fi
	for threads in 1 2 8; do
		run stat --json --rounds=1 --split="$format" --threads=$threads "good.$format"
		check "$format in $threads threads" counts_are "$values" "$distinct"
	done
	run stat --json --rounds=1 --split="$format" "bad.$format" "good.$format"
	check "malformed $format: exit status" is "$status" 1
	check "malformed $format: file and line" says "^hapax: bad\\.$format:$line: ."
	check "malformed $format: one line" is_one_line
	status=0
	check "malformed $format: the other file is done" counts_are "$values" "$distinct"
	check "malformed $format: only that is counted" is "$(field files)" 1
done

printf 'a,b\n\nc,"d\n\ne\n' >open.csv
run stat --split=csv open.csv
check 'a quote without an end: the line of its record' says '^hapax: open\.csv:3: .'


# --- Header names and raw strings of C ---

# cut FORMAT FILE: every value with its count is left in values, in the order of bytes.
cut() {
	run stat --json --rounds=1 --split="$1" --values=list "$2"
	LC_ALL=C sort list >values
}
holds() { grep -qxF "$1" values || { echo "# not among the values: $1"; return 1; }; }
holds_not() { ! grep -qF "$1" values || { echo "# among the values: $1"; return 1; }; }
tab=$(printf '\t')

printf '#include <stdio.h>\n# include_next <a/b.h>\nint a = b <c> d;\n#if __has_include(<x.h>)\n#define x <y>\n#endif\n#include "z.h"\n' >headers.c
cut c headers.c
check 'a header name is one token' holds "1$tab<stdio.h>"
check 'so it is behind include_next' holds "1$tab<a/b.h>"
check 'and in __has_include' holds "1$tab<x.h>"
check 'but not in an expression' holds "2$tab<"
check 'nor in another directive' holds_not '<y>'
printf 'auto a = R"(one " two)"; auto b = u8R"x(three )" \\\nfour)x";\nauto c = LR"y(never ends;\nint R = 1;' >raw.c
cut c raw.c
check 'a raw string is one token' holds "1${tab}R\"(one \" two)\""
check 'with its delimiter and every byte in it' holds "1${tab}u8R\"x(three )\" \\\\\\nfour)x\""
check 'one that never ends stops at the end of its line' holds "1${tab}LR\"y(never ends;"
check 'R is a name too' holds "1${tab}R"

# --- JSON is taken strictly ---

if has_format json; then
	for sample in '01' '1"a"' 'truefalse' '"a""b"' '1[2]' '[1,]' '{"a":1,}' '[NaN]' '+1' '.5' '1.' '"\ud800"' '"\udc00"' '"\ud800\u0041"' \
		'"\udbff x"' "['a']" '// x' '[1]]' '"a' '{"a"}' '"\x41"'; do
		printf '%s\n' "$sample" >strict.json
		run stat --json --rounds=1 --split=json strict.json
		check "no JSON: $sample" is "$status" 1
		check "no JSON: $sample: one line says so" says '^hapax: strict\.json:[0-9]*: .'
	done
	# Without a newline behind it: the parser looks one character ahead, and there is an end.
	for sample in 01 '1,' '1]' 1- 1.5. -01 12e3e 'true1' '"a"1' '1"'; do
		printf '%s' "$sample" >strict.json
		run stat --json --rounds=1 --split=json strict.json
		check "no JSON at the end of a file: $sample" is "$status $(field values)" '1 0'
	done
	printf '[1,\n 2 x]' >strict.json
	run stat --json --rounds=1 --split=json strict.json
	check 'no JSON: the byte of the line' says '^hapax: strict\.json:2: .*, at byte 4 of the line$'
	printf '[1\000]' >strict.json
	run stat --json --rounds=1 --split=json strict.json
	check 'no JSON: a NUL' says '^hapax: strict\.json:1: a NUL outside of a string, at byte 3 '
	printf '1\n\357\273\2772' >strict.json
	run stat --json --rounds=1 --split=json strict.json
	check 'no JSON: a byte order mark between two texts' says '^hapax: strict\.json:2: '
	printf '"\355\240\200"' >strict.json
	run stat --json --rounds=1 --split=json strict.json
	check 'no JSON: bytes of a surrogate' is "$status" 1
	printf '1 2\n"a" "b" [1]{"a":-0}[-0.0,1e99999,123456789012345678901234567890,-9223372036854775809] true' >loose.json
	cut json loose.json
	check 'texts that follow each other' counts_are 12 10
	for sample in -0 -0.0 1e99999 123456789012345678901234567890 -9223372036854775809; do
		check "a number stays as it is written: $sample" holds "1$tab$sample"
	done
	awk 'BEGIN { printf "[1"; for (i = 0; i < 9999; i++) printf "234567890"; print ".500e-0012345, \"12\\\\\", 345]" }' >digits.json
	cut json digits.json
	check 'a number of 90,000 digits' is "$status $(field values) $(field distinct_bytes)" "0 3 90011"
	check 'a string of digits is none' holds "1${tab}12\\\\"
	check 'the number behind it' holds "1${tab}345"
	awk 'BEGIN { for (i = 0; i < 100000; i++) printf "["; printf "{\"k\": 1}"; for (i = 0; i < 100000; i++) printf "]" }' >deep.json
	run stat --json --rounds=1 --split=json deep.json
	check 'JSON that is 100,000 deep' counts_are 2 2
fi

# --- XML: entities of other files, encodings, long tokens ---

if has_format xml; then
	printf '<!DOCTYPE a SYSTEM "none.dtd" [<!ENTITY in "inside"><!ENTITY out SYSTEM "out.xml">]>\n<a b="&in;">x &foo; y<c>&out;</c><d>&in;&amp;</d></a>' >entities.xml
	cut xml entities.xml
	check 'an entity that another file defines stays as it is written' holds "1${tab}x &foo; y"
	check 'so does one whose text is another file' holds "1$tab&out;"
	check 'one that is defined here is replaced' holds "1${tab}inside&"
	printf '<!DOCTYPE a SYSTEM "none.dtd">\n<a>\n<b c="&foo;"/></a>' >attribute.xml
	run stat --split=xml attribute.xml
	check 'in an attribute it is refused' says '^hapax: attribute\.xml:3: .*entity'
	for lost in '[<!ENTITY in "I&out;">]><a z="&in;"/>' '[<!ENTITY in "<b c=\047&out;\047/>">]><a>&in;</a>' \
		'[<!ATTLIST a d CDATA "x&out;">]><a/>'; do
		# shellcheck disable=SC2059 # it has escapes of printf
		printf "<!DOCTYPE a SYSTEM 'none.dtd' $lost" >lost.xml
		run stat --split=xml lost.xml
		check "lost behind another entity, or in a default value: $lost" says '^hapax: lost\.xml:1: .*entity'
	done
	printf '<!DOCTYPE a SYSTEM "none.dtd" [<!ENTITY in "I&two;"><!ENTITY two "2"><!ATTLIST a d CDATA "x&in;">]><a z="&in;">&out;</a>' >kept.xml
	cut xml kept.xml
	check 'but not one that another one of the file defines' holds "1${tab}xI2"
	printf '<!DOCTYPE a SYSTEM "none.dtd">\n<a b="&amp;&#65;"/>' >predefined.xml
	run stat --split=xml predefined.xml
	check 'but those that XML itself defines are not' is "$status" 0
	printf '<a>&foo;</a>' >undefined.xml
	run stat --split=xml undefined.xml
	check 'without another file it is an error' is "$status" 1
	for pair in windows-1252:'\200\351' ISO-8859-15:'\244\351' koi8-r:'\300' Shift_JIS:'\203\101' GB18030:'\260\241' nonsense:x; do
		encoding=${pair%%:*}
		printf '<?xml version="1.0" encoding="%s"?>\n<a>'"${pair#*:}"'</a>' "$encoding" >encoded.xml
		cut xml encoded.xml
		if [ "$encoding" = nonsense ]; then
			check 'an encoding that nobody knows' says '^hapax: encoded\.xml:1: .*: nonsense$'
		elif printf 'x' | iconv -f "$encoding" -t UTF-8 >/dev/null 2>&1; then
			# shellcheck disable=SC2059 # it has escapes of printf
			check "XML in $encoding" holds "1$tab$(printf "${pair#*:}" | iconv -f "$encoding" -t UTF-8)"
		else
			skip "XML in $encoding" 'iconv does not know it here'
		fi
	done
	# A byte that the encoding does not define: expat reads some of these encodings through a table, iconv converts those
	# that differ from ASCII (ARMSCII-8). Both refuse it, and name the byte.
	for pair in windows-1252:'\201' TIS-620:'\225' ISO-8859-11:'\374' ISO-8859-3:'\245' ARMSCII-8:'\241'; do
		encoding=${pair%%:*}
		printf 'x' | iconv -f "$encoding" -t UTF-8 >/dev/null 2>&1 || { skip "XML in $encoding" 'iconv does not know it here'; continue; }
		for place in '<a>\n@</a>' '<a b="@"/>' '<a><!--@--></a>' '<a><![CDATA[@]]></a>' '<a><?pi @?></a>' \
			'<!DOCTYPE a [<!ENTITY e "@">]><a/>' '<!DOCTYPE a [<!ATTLIST a b CDATA "@">]><a/>'; do
			# shellcheck disable=SC2059 # it has escapes of printf
			printf '<?xml version="1.0" encoding="%s"?>'"$(echo "$place" | sed 's/@.*//')" "$encoding" >encoded.xml
			byte=$(($(wc -c <encoded.xml) + 1))
			# shellcheck disable=SC2059
			printf "${pair#*:}$(echo "$place" | sed 's/.*@//')" >>encoded.xml
			run stat --split=xml encoded.xml
			check "XML in $encoding: a byte that is none of its characters, in $place" \
				says "^hapax: encoded\\.xml:.* byte $byte begins no character of $encoding\$"
		done
		awk -v e="$encoding" 'BEGIN { printf "<?xml version=\"1.0\" encoding=\"%s\"?><a>", e; for (i = 0; i < 30000; i++) print "0123456789" }' >encoded.xml
		byte=$(($(wc -c <encoded.xml) + 1))
		# shellcheck disable=SC2059
		printf "${pair#*:}</a>" >>encoded.xml
		run stat --split=xml encoded.xml
		check "XML in $encoding: the same far behind" says "^hapax: encoded\\.xml:.* byte $byte begins no character of $encoding\$"
	done
	# All bytes that are defined stay what iconv makes of them.
	for encoding in TIS-620 ISO-8859-11 ISO-8859-3 KOI8-R ARMSCII-8; do
		: >defined
		byte=160
		while [ $byte -lt 255 ]; do
			byte=$((byte + 1))
			# shellcheck disable=SC2059
			printf "\\$(printf %o $byte)" | tee one | iconv -f $encoding -t UTF-8 >/dev/null 2>&1 && cat one >>defined
		done
		[ -s defined ] || { skip "XML in $encoding" 'iconv does not know it here'; continue; }
		{ printf '<?xml version="1.0" encoding="%s"?><a>' $encoding; cat defined; printf '</a>'; } >encoded.xml
		cut xml encoded.xml
		check "XML in $encoding: all its characters" holds "1$tab$(iconv -f $encoding -t UTF-8 <defined)"
	done
	awk 'BEGIN { printf "<a b=\""; for (i = 0; i < 3000000; i++) printf "0123456789"; print "\"/>" }' >long.xml
	run stat --json --rounds=1 --split=xml --top=0 long.xml
	check 'an attribute of 30 MB' counts_are 3 3
fi

# --- Byte order marks, UTF-16, UTF-32 ---

printf 'name,"age"\nbob,12\n' >plain.csv
printf '{"name": "bob"}' >plain.json
printf '<a>bob</a>' >plain.xml
printf 'int bob = "x";\n' >plain.c
printf 'name age\nbob\n' >plain.lines
cp plain.lines plain.words
for format in csv json xml c lines words; do
	has_format $format || continue
	run stat --json --rounds=1 --split=$format plain.$format
	expected="$(field values) $(field distinct) $(field distinct_bytes)"
	for encoding in UTF-8 UTF-16LE UTF-16BE UTF-32LE UTF-32BE; do
		{ printf '\357\273\277'; cat plain.$format; } | iconv -f UTF-8 -t $encoding >marked.$format
		run stat --json --rounds=1 --split=$format marked.$format
		check "$format in $encoding with a mark" is "$(field values) $(field distinct) $(field distinct_bytes)" "$expected"
	done
	case $format in lines | words) continue ;; esac
	for encoding in UTF-16LE UTF-16BE UTF-32LE UTF-32BE; do
		iconv -f UTF-8 -t $encoding plain.$format >unmarked.$format
		run stat --json --rounds=1 --split=$format unmarked.$format
		check "$format in $encoding without a mark" is "$(field values) $(field distinct) $(field distinct_bytes)" "$expected"
	done
done
printf '\345\220\215,\344\270\212\n\346\227\245,\344\270\212\n' >unmarked.utf8
for encoding in UTF-16LE UTF-16BE UTF-32LE UTF-32BE; do
	iconv -f UTF-8 -t $encoding unmarked.utf8 >unmarked.csv
	cut csv unmarked.csv
	check "csv in $encoding without a mark, and without any letter of ASCII" is "$(cat values)" \
		"$(printf '1\t\345\220\215\n1\t\346\227\245\n2\t\344\270\212')"
done
printf 'a\000b,c\n1\000,2\n' >zeros.csv
run stat --json --rounds=1 --split=csv zeros.csv
check 'zeros in bytes are zeros' is "$(field values) $(field distinct_bytes)" '4 7'
if has_format json; then
	for encoding in UTF-16LE UTF-16BE UTF-32LE UTF-32BE; do
		printf 7 | iconv -f UTF-8 -t $encoding >unmarked.json
		cut json unmarked.json
		check "a single digit in $encoding" holds "1${tab}7"
	done
fi
printf '\377\376a\000\000\330b\000' >broken.lines
run stat broken.lines
check 'bytes that are no UTF-16, with their place' says '^hapax: broken\.lines: byte 5 begins no character of UTF-16LE$'
printf '\377\376a\000b' >broken.lines
run stat broken.lines
check 'half a character at the end' says '^hapax: broken\.lines: .*UTF-16LE'

# --- Delimiters, headers and places ---

# places: each place with its count and its distinct values.
places() { sed -n 's/.*{"place": "\([^"]*\)", "count": \([0-9]*\), "distinct": \([0-9]*\).*/\1 \2 \3;/p' out | LC_ALL=C sort | tr -d '\n'; }

for delimiter in ',' ';' '|' '\t'; do
	# shellcheck disable=SC2059 # it has escapes of printf
	printf "name${delimiter}age${delimiter}town\nbob${delimiter}12${delimiter}\"a, b; c\"\nal${delimiter}12${delimiter}x\n" >any.csv
	run stat --json --rounds=1 --split=csv any.csv
	check "delimiter '$delimiter' is noticed" counts_are 9 8
	check "delimiter '$delimiter' is said" grep -q '"delimiters": "' out
	check "delimiter '$delimiter': the columns of the header" is "$(places)" '(header) 3 3;age 2 1;name 2 2;town 2 2;'
done
for delimiter in ',' ';' '|' "$tab"; do
	printf 'a%sb"c\nd%s"e%sf"\n' "$delimiter" "$delimiter" "$delimiter" >quotes.csv
	run stat --json --rounds=1 --split=csv quotes.csv
	check "delimiter '$delimiter': a quote inside a field is a character" counts_are 4 4
	printf 'a%sb\n"c" d%s1\n"e%s2\nf"%s3\n' "$delimiter" "$delimiter" "$delimiter" "$delimiter" >quotes.csv
	cut csv quotes.csv
	within=$delimiter
	[ "$delimiter" != "$tab" ] || within='\t'
	check "delimiter '$delimiter': text behind a closing quote, and a newline in quotes" is "$(tr '\n' ' ' <values)" "1${tab}1 1${tab}3 1${tab}a 1${tab}b 1${tab}c d 1${tab}e${within}2\\nf "
	printf 'a%sb\n\nc%s"d\n' "$delimiter" "$delimiter" >open.csv
	run stat --split=csv open.csv
	check "delimiter '$delimiter': a quote without an end" says '^hapax: open\.csv:3: .'
done
# Inches: the quotes open nothing, so the delimiter of all lines is counted.
printf 'size;note\n3.5";a, b\n5";c, d, e\n2";f\n' >inches.csv
run stat --json --rounds=1 --split=csv inches.csv
check 'a quote inside a field hides no delimiter' is "$(places)" '(header) 2 2;note 3 3;size 3 3;'
printf '"a, b";"c, d"\n"e, f";g\n' >inside.csv
run stat --json --rounds=1 --split=csv inside.csv
check 'delimiters in quotes are none, behind whichever delimiter the quote stands' counts_are 4 4
printf '"a" b,"a b"\nx,y\n' >same.csv
run stat --json --rounds=1 --split=csv same.csv
check 'two columns of one name make no header, however they are quoted' is "$(places)" '1 2 2;2 2 2;'
printf '\n\na,b\n1,2\n' >blank.csv
run stat --json --rounds=1 --split=csv blank.csv
check 'empty lines may stand before a header' is "$(places)" '(header) 2 2;a 1 1;b 1 1;'
printf '1;2,5\n3;4,5\n6;7\n' >decimal.csv
run stat --json --rounds=1 --split=csv decimal.csv
check 'decimal commas are no delimiters' is "$(places)" '1 3 3;2 3 3;'
printf 'a:b\nc:d\n' >colon.csv
run stat --json --rounds=1 --split=csv --delimiter=: colon.csv
check '--delimiter=:' counts_are 4 4
run stat --json --rounds=1 --split=csv --delimiter=tab any.csv
check '--delimiter=tab' counts_are 9 8
run stat --json --rounds=1 --split=csv --delimiter=comma decimal.csv
check '--delimiter=comma' counts_are 5 4
printf 'a,b,c\n1,2\n' >ragged.csv
run stat --json --rounds=1 --split=csv ragged.csv
check 'a row that is too short' is "$(places)" '(header) 3 3;a 1 1;b 1 1;'
printf 'x,x\na,b,c\n' >twice.csv
run stat --json --rounds=1 --split=csv twice.csv
check 'columns without a header have numbers' is "$(places)" '1 2 2;2 2 2;3 1 1;'
if has_format json; then
	printf '{"a": [1, [2, {"b": 2}], 3], "c": {"a": 1}}\n7' >places.json
	run stat --json --rounds=1 --split=json places.json
	check 'places of JSON' is "$(places)" '(key) 4 3;(top) 1 1;a 4 3;b 1 1;'
fi
if has_format xml; then
	printf '<a x="1" y="1">t<b x="2">u</b><b x="2">v</b>t</a>' >places.xml
	run stat --json --rounds=1 --split=xml places.xml
	check 'places of XML' is "$(places)" '(attribute name) 4 2;(element name) 3 2;a 2 1;a@x 1 1;a@y 1 1;b 2 2;b@x 2 1;'
	run stat --json --rounds=1 --split=xml --places=2 places.xml
	check '--places=2 lists two' is "$(grep -c '"place":' out)" 2
	check 'and counts all' is "$(field place_count)" 7
fi
finish
