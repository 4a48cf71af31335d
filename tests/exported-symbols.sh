#!/bin/sh
# SPDX-License-Identifier: MIT
# The library exports what the public headers declare, and both are what exported-symbols.txt lists.
. "$top_srcdir/tests/functions"

library=$top_builddir/src/.libs/libhapax.so
wanted=$top_srcdir/tests/exported-symbols.txt

exported() {
  $NM -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | LC_ALL=C sort >"$scratch/exported"
  diff -u "$wanted" "$scratch/exported"
}

declared() {
  for header in "$top_srcdir"/include/hapax/*.h; do
    echo "#include <hapax/${header##*/}>"
  done >"$scratch/all.c"
  # shellcheck disable=SC2086
  $CC -E -P -I "$top_srcdir/include" "$scratch/all.c" | tr '\n' ' ' | tr ';' '\n' |
    sed -n '/visibility *( *"default" *)/s/.*visibility[^;]*[^a-z0-9_]\(hapax_[a-z0-9_]*\) *(.*/\1/p' | LC_ALL=C sort -u >"$scratch/declared"
  diff -u "$wanted" "$scratch/declared"
}

# The nodes of the version script, a line for each name: NAME NODE.
listed() {
  awk '$2 == "{" { node = $1 } sub(/^ *hapax_/, "hapax_") && sub(/;$/, "") { print $1, node }' "$top_srcdir/src/hapax.map" |
    LC_ALL=C sort >"$scratch/nodes"
  cut -d ' ' -f 1 "$scratch/nodes" >"$scratch/listed"
  diff -u "$wanted" "$scratch/listed"
}

versioned() {
  $NM -D --defined-only "$library" | awk '$2 != "A" { sub(/@+/, " ", $3); print $3 }' | LC_ALL=C sort >"$scratch/versioned"
  diff -u "$scratch/nodes" "$scratch/versioned"
}

check 'the headers declare the listed functions' declared
if [ -e "$library" ]; then
  check 'the library exports the listed functions' exported
  check 'the version script lists them' listed
  if $NM -D --defined-only "$library" | grep -q '@.*HAPAX_'; then
    check 'each with the version that its release has' versioned
  else
    skip 'each with the version that its release has' 'this linker makes no versions, or nm does not show them'
  fi
else
  skip 'the library exports the listed functions' 'no shared library'
fi
finish
