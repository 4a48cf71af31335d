#!/bin/sh
# SPDX-License-Identifier: MIT
# The programs in the EXAMPLES of the manual pages, C and C++, compile without a warning, link and exit with 0.
# A program is a literal block that includes <hapax.h> or <hapax.hpp> and has a main.
. "$top_srcdir/tests/functions"

has_program() { test -s "$1.1.c" || test -s "$1.1.cc"; }

for page in "$top_srcdir"/man/*.[1-9]; do
  [ -e "$page" ] || skip_all 'no pages'
  head -n 1 "$page" | grep -q '^\.so ' && continue
  name=${page##*/}
  awk -v prefix="$scratch/$name" '
    $1 == ".Sh" { examples = $2 == "EXAMPLES" }
    !examples { next }
    $1 == ".Bd" && / -literal/ { block = 1; text = ""; next }
    $1 == ".Ed" && block {
      block = 0
      if (text ~ /#include <hapax\.h(pp)?>/ && text ~ /main\(/) {
        number++
        printf "%s", text >(prefix "." number (text ~ /<hapax\.hpp>/ ? ".cc" : ".c"))
      }
      next
    }
    !block || /^\.\\"/ { next }
    {
      gsub(/\\&/, "")
      gsub(/\\-/, "-")
      gsub(/\\\(dq/, "\"")
      gsub(/\\\(aq/, "\047")
      gsub(/\\\(ti/, "~")
      gsub(/\\\(ha/, "^")
      gsub(/\\e/, "\\")
      text = text $0 "\n"
    }' "$page"
  case $name in
    *.3) check "$name has a program" has_program "$scratch/$name" ;;
  esac
  for source in "$scratch/$name".*.c "$scratch/$name".*.cc; do
    [ -e "$source" ] || continue
    case $source in
      *.cc) [ "$CXX17" = yes ] || { skip "$(basename "$source")" 'no C++17 compiler'; continue; } ;;
    esac
    check "$(basename "$source")" build_and_run "$source" "${source%.c*}"
  done
done
[ "$count" -gt 0 ] || skip_all 'no programs in the pages'
finish
