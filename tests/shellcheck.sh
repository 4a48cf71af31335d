#!/bin/sh
# SPDX-License-Identifier: MIT
# No shell script has a fault that shellcheck finds; .shellcheckrc says what it does not look for.
. "$top_srcdir/tests/functions"

command -v shellcheck >/dev/null || skip_all 'shellcheck is not here'
cd "$top_srcdir" || exit 99

# What a shell runs, and what tests and shells read.
find .ci bootstrap bench completion debian doc examples src tests -name target -prune -o -type f -print 2>/dev/null | while read -r file; do
  case $file in
    *.sh | *.bash | tests/environment | tests/functions | tests/*_functions) echo "$file" ;;
    *.*) ;;
    *) if head -n 1 "$file" | grep -qE '^#!/bin/(ba)?sh'; then echo "$file"; fi ;;
  esac
done 2>/dev/null | LC_ALL=C sort >"$scratch/scripts"

[ -s "$scratch/scripts" ] || exit 99
while read -r file; do
  check "$file" shellcheck "$file"
done <"$scratch/scripts"

# What it has to find.
echo 'rm *.c; cd /nowhere' >"$scratch/planted"
finds_planted() { ! shellcheck --norc --shell=sh "$scratch/planted"; }
check 'finds a folder that is not changed to' finds_planted
finish
