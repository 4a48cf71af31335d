#!/bin/sh
# SPDX-License-Identifier: MIT
# No line of what people read is wider than 80 columns: the manual pages, as written and as rendered, the public headers, and
# the documents. No line of a source is wider than 120.
. "$top_srcdir/tests/functions"

# wide FILE: its lines wider than 80 columns.
wide() { awk 'length > 80 { print FNR ": " $0 }' "$1"; }

# rendered PAGE: as it appears on a terminal of 80 columns, without the backspaces of bold and underlined text.
rendered() { "$MANDOC" -T ascii -O width=80 "$1" 2>/dev/null | sed "s/.$(printf '\b')//g"; }

# breakable EXEMPTION FILE: the lines of a document, empty where the exemption holds.
#   tables  the rows of its tables: Markdown ends a row with its line
breakable() { awk -v exemption="$1" '{ print exemption == "tables" && /^\|/ ? "" : $0 }' "$2"; }

narrow() {
  wide "$1" >"$scratch/wide"
  cat "$scratch/wide"
  [ ! -s "$scratch/wide" ]
}
narrow_rendered() { rendered "$1" >"$scratch/rendered" && [ -s "$scratch/rendered" ] && narrow "$scratch/rendered"; }
narrow_document() { breakable "$1" "$2" >"$scratch/breakable" && [ -s "$scratch/breakable" ] && narrow "$scratch/breakable"; }

for page in "$top_srcdir"/man/*.[1-9]; do
  [ -e "$page" ] || skip_all 'no pages'
  check "${page##*/}" narrow "$page"
  head -n 1 "$page" | grep -q '^\.so ' && continue
  if [ -n "$MANDOC" ]; then
    check "${page##*/}, rendered" narrow_rendered "$page"
  else
    skip "${page##*/}, rendered" 'no mandoc'
  fi
done

for header in "$top_srcdir"/include/*.h* "$top_srcdir"/include/hapax/*.h*; do
  check "${header##*/}" narrow "$header"
done

# Each document; only a table that quotes lines of source may be wider.
documents() { (cd "$top_srcdir" && ls NEWS ./*.md bench/*.md bench/*/*.md doc/*.md examples/*.md src/*/*.md tests/*/*.md); }
check 'there are documents' test "$(documents | wc -l)" -ge 15
for document in $(documents); do
  case $document in
    bench/results/counts.md) exemption=tables ;;
    *) exemption=none ;;
  esac
  check "${document#./}" narrow_document "$exemption" "$top_srcdir/$document"
done

# wide_sources FOLDER: lines of C and C++ that are wider than 120 columns.
wide_sources() {
  find "$1" -name 'build*' -prune -o -type f '(' -name '*.[ch]' -o -name '*.cc' ')' -exec awk 'length > 120 { print FILENAME ": " FNR }' {} +
}
narrow_sources() {
  wide_sources "$1" >"$scratch/wide"
  cat "$scratch/wide"
  [ ! -s "$scratch/wide" ]
}
for folder in src tests bench examples; do
  check "sources in $folder" narrow_sources "$top_srcdir/$folder"
done

# What these checks have to find.
finds() { ! "$@"; }
printf '%081d\n' 1 >"$scratch/planted.txt"
check 'finds a line that is too wide' finds narrow "$scratch/planted.txt"
mkdir "$scratch/planted" && printf '/* %0120d */\n' 1 >"$scratch/planted/wide.c"
check 'finds a source that is too wide' finds narrow_sources "$scratch/planted"
printf '| %081d |\n%081d\n' 1 2 >"$scratch/planted.md"
exempts() { breakable "$1" "$scratch/planted.md" >"$scratch/exempt" && [ "$(wide "$scratch/exempt" | wc -l)" -eq "$2" ]; }
check 'finds a row of a table' exempts none 2
check 'leaves out a row if tables are exempt' exempts tables 1
if [ -n "$MANDOC" ]; then
  # In the page as written, this line is narrow.
  { cat "$top_srcdir/man/hapax_pin.3" && printf '.Bd -literal -offset 40n\n%060d\n.Ed\n' 1; } >"$scratch/planted.3"
  check 'finds a line that mandoc makes too wide' finds narrow_rendered "$scratch/planted.3"
fi
finish
