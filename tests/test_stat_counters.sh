#!/bin/sh
# SPDX-License-Identifier: MIT
# hapax stat beside others: what it counts beside Python's own parsers, and what it says is saved beside a program that
# keeps the same values in earnest.
#
# HAPAX_ALL_FILES=1 goes through all text files of the machine, which takes an hour.
source_dir=$(cd "$(dirname "$0")/.." && pwd)
. "$source_dir/tests/stat_functions"
counters=$source_dir/tests/stat_counters.py

if is_hard_build; then
	echo '1..0 # SKIP the hard build takes minutes for real input, and other memory than usual'
	exit 0
fi

# --- What is saved, beside strdup in earnest ---

saving=${top_builddir:-.}/tests/stat_saving

# within_two_percent A B: of the larger one.
within_two_percent() {
	awk -v a="$1" -v b="$2" 'BEGIN {
		larger = a > b ? a : b
		exit !(larger > 0 && (a - b) * (a - b) <= larger * larger * 0.0004)
	}' || { echo "# $1 and $2 differ by more than two percent"; return 1; }
}

awk 'BEGIN { for (i = 0; i < 900000; i++) printf "%020d\n", i % 500000 }' >twenty.txt
awk 'BEGIN { for (i = 0; i < 600000; i++) print substr("the quick brown fox jumps over the lazy dog, and so on and so forth", 1, i * 7919 % 60), i % 1009 }' >mixed.txt
awk 'BEGIN { for (i = 0; i < 400000; i++) print "a line that comes again and again", i % 5000 }' >often.txt
if [ -x "$saving" ] && [ "$("$saving" plain <twenty.txt)" -gt 0 ]; then
	for file in twenty.txt mixed.txt often.txt; do
		plain=$("$saving" plain <$file)
		interned=$("$saving" interned <$file)
		run stat --json --rounds=1 $file
		check "$file: the plain heap is that of a program" within_two_percent "$(inner plain heap_bytes)" "$plain"
		check "$file: the interned heap is that of a program" within_two_percent "$(inner interned heap_bytes)" "$interned"
		check "$file: saved percent" within_two_percent \
			"$(awk -v p="$(field saved_percent)" 'BEGIN { print 100 + p }')" \
			"$(awk -v p="$plain" -v i="$interned" 'BEGIN { print 100 + 100 * (p - i) / p }')"
	done
else
	skip 'what is saved' 'the heap cannot be measured here'
fi

# --- Counts, beside Python's parsers ---

# find_files FORMAT: some files that many machines have, or all.
find_files() {
	case $1 in
	lines | words) set -- "$1" -size -4096k ;;
	*) set -- "$1" -name "*.$1" -size -65536k ;;
	esac
	format=$1
	shift
	if [ -n "$HAPAX_ALL_FILES" ]; then
		find / \( -fstype proc -o -fstype sysfs -o -path /dev -o -path "$work" \) -prune -o -type f "$@" -print0
	else
		find /etc /usr/include /usr/share /usr/lib/python3* -type f -size -512k "$@" -print0
	fi 2>/dev/null | if [ "$format" = lines ] || [ "$format" = words ]; then
		xargs -0 grep -lIZ '' 2>/dev/null # text
	else
		cat
	fi | if [ -n "$HAPAX_ALL_FILES" ]; then
		cat
	else
		head -z -n 300
	fi
}

if [ -z "$python" ] || ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
	skip 'counts beside those of Python' 'no Python 3.9 here'
	finish
fi
for format in lines words csv tsv json xml; do
	[ $format = tsv ] || has_format $format || { skip "$format: counts" 'not in this build'; continue; }
	find_files $format >names
	if [ ! -s names ]; then
		skip "$format: counts" 'no such file here'
		continue
	fi
	"$python" "$counters" "$hapax" "$format" <names >out 2>err
	check "$format: the counts are those of Python" is $? 0
	sed 's/^/# /' out
done

# Small files, for what the files of a machine may lack. odd FORMAT: the files 1.FORMAT and 2.FORMAT.
odd() {
	[ "$1" = tsv ] || has_format "$1" || return
	printf '1.%s\0002.%s\000' "$1" "$1" >names
	"$python" "$counters" "$hapax" "$1" <names >out 2>err
	check "$1: odd files" is "$?$(cut -d, -f3- out)" '0 0 differences, 0 refused by hapax alone, 0 by Python alone'
}

printf 'a,"b ""c""\nd",\r\n\r\n x ,a,last' >1.csv
printf '"",,""\n,\n"\r\n"\n' >2.csv
odd csv
printf 'a"b\t"c ""d"" e"\t"f" g "h"\n\n\r"i\tj\n"\t\t""\r\n\t' >1.tsv
printf '"" x\t"""y"""\t z"\r\r"\t"""\t' >2.tsv
odd tsv
for file in 1 2; do tr '\t' , <$file.tsv >$file.csv; done
odd csv
# Both refuse a quote without an end, wherever it stands, and nothing else.
for text in '"a' 'a,"' 'b\n"' '"a"""' '"a""' 'a,""x"\n"'; do
	# shellcheck disable=SC2059 # it has escapes of printf
	printf "$text" >1.csv
	cp 1.csv 2.csv
	odd csv
done
printf '{"a": [1, 2.50, -0, true, null, "\\u0041\\u0000\\ud83d\\ude00"], "b": "", "b": {}}\n[] "x" {}' >1.json
printf '\357\273\277[1E40000, 0.1e+5, 123456789012345678901234567890, 10, 100]' >2.json
odd json
printf '<?xml version="1.0"?>\n<a x="1">p &amp; q<b/> <!-- no -->r<![CDATA[<t>]]>s<?pi?> t</a>\n' >1.xml
printf '<!DOCTYPE a SYSTEM "none" [<!ENTITY e "text"><!ENTITY f SYSTEM "f.xml">]><a>&e; &none; <b>&f;</b></a>' >2.xml
odd xml
# A letter and a mark behind it are two characters, which iconv makes one of; and a euro sign.
printf '<?xml version="1.0" encoding="windows-1255"?><a>\340\307 \200</a>' >1.xml
printf '<?xml version="1.0" encoding="iso-8859-2"?><a b="\261"/>' >2.xml
odd xml
finish
