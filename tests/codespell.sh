#!/bin/sh
# SPDX-License-Identifier: MIT
# No text has a misspelling that codespell knows; .codespellrc has the words that are none.
. "$top_srcdir/tests/functions"

command -v codespell >/dev/null || skip_all 'codespell is not here'
cd "$top_srcdir" || exit 99

# Sources and texts, without what is generated or not ours.
find .ci .codespellrc .github CONTRIBUTING.md Makefile.am NEWS README.md SECURITY.md bench bootstrap cmake completion configure.ac \
  debian doc examples include man src tests \( -name target -o -name .deps -o -name .libs -o -name __pycache__ \) -prune -o -type f \
  ! -name '*.svg' ! -name '*.l[oa]' ! -name '*.o' ! -name '*.log' ! -name '*.trs' -print 2>/dev/null |
  while read -r file; do
    # A text has no NUL.
    if [ -s "$file" ] && LC_ALL=C grep -qI . "$file"; then echo "$file"; fi
  done >"$scratch/files"

clean() { xargs codespell --config .codespellrc <"$scratch/files"; }
finds_planted() { printf 'to rec%sve\n' ie >"$scratch/planted" && ! codespell --config .codespellrc "$scratch/planted"; }

check 'there are files' test "$(wc -l <"$scratch/files")" -gt 300
check 'no misspelling' clean
check 'finds one' finds_planted
finish
