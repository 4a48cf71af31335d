#!/bin/sh
# SPDX-License-Identifier: MIT
# mandoc finds nothing wrong with the manual pages.
. "$top_srcdir/tests/functions"

[ -n "$MANDOC" ] || skip_all 'no mandoc'

# References are looked up among the pages of this system: ours are not there, and others need not be. mandoc writes its
# findings a block at a time and other messages at once: in one pipe, one of those would come inside a line.
lint() {
  "$MANDOC" -T lint "$1" >"$scratch/findings" 2>"$scratch/messages"
  cat "$scratch/findings" "$scratch/messages" | grep -v -e 'referenced manual not found' -e 'outdated mandoc.db' >"$scratch/lint"
  cat "$scratch/lint"
  [ ! -s "$scratch/lint" ]
}

# A page refers to a page of ours that exists. Functions of one page share it through a page that only says .so.
references() {
  awk '$1 == ".Xr" && $2 ~ /^hapax/ { print $2 "." $3 }' "$1" | LC_ALL=C sort -u >"$scratch/references"
  missing=0
  while read -r reference; do
    if [ ! -e "$top_srcdir/man/$reference" ]; then
      echo "no page $reference"
      missing=1
    fi
  done <"$scratch/references"
  return "$missing"
}

# A page of functions answers the questions that every function raises. What returns nothing needs no RETURN VALUES.
sections() {
  missing=0
  for section in SYNOPSIS DESCRIPTION 'RETURN VALUES' 'THREAD SAFETY' 'WHAT IS KEPT ALIVE' ERRORS EXAMPLES \
    'SEE ALSO' 'SOURCE OF THE SEMANTICS'; do
    grep -qx ".Sh $section" "$1" && continue
    [ "$section" = 'RETURN VALUES' ] && grep -qx '\.Ft void' "$1" && continue
    echo "no section $section"
    missing=1
  done
  return "$missing"
}

for page in "$top_srcdir"/man/*.[1-9]; do
  [ -e "$page" ] || skip_all 'no pages'
  head -n 1 "$page" | grep -q '^\.so ' && continue
  check "${page##*/}" lint "$page"
  check "${page##*/}: references" references "$page"
  case $page in
    *.3) check "${page##*/}: sections" sections "$page" ;;
  esac
done

documented() {
  missing=0
  while read -r function; do
    if [ ! -e "$top_srcdir/man/$function.3" ]; then
      echo "no page $function.3"
      missing=1
    fi
  done <"$top_srcdir/tests/exported-symbols.txt"
  return "$missing"
}
check 'every exported function has a page' documented
finish
