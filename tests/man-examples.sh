#!/bin/sh
# SPDX-License-Identifier: MIT
# The C and C++ in the manual pages, in their EXAMPLES and elsewhere: programs compile without a warning and exit with 0, pieces
# compile.
. "$top_srcdir/tests/functions"
. "$top_srcdir/tests/block_functions"

has_program() { cat "$1".*.c "$1".*.cc 2>/dev/null | grep -q 'main('; }

for page in "$top_srcdir"/man/*.[1-9]; do
  [ -e "$page" ] || skip_all 'no pages'
  head -n 1 "$page" | grep -q '^\.so ' && continue
  name=${page##*/}
  man_blocks "$page" "$scratch/$name"
  case $name in
    *.3) check "$name has a program" has_program "$scratch/$name" ;;
  esac
  check_blocks "$scratch/$name"
done
[ "$count" -gt 0 ] || skip_all 'no programs in the pages'

# What these checks have to find.
printf '%s\n' '.Bd -literal' 'struct broken {' '    no_such_type a;' '};' '.Ed' >"$scratch/planted.3"
man_blocks "$scratch/planted.3" "$scratch/planted"
finds_planted() { [ -e "$scratch/planted.1.c" ] && ! block_works "$scratch/planted.1.c"; }
check 'finds a piece that does not compile' finds_planted
finish
