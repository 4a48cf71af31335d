#!/bin/sh
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

check 'the headers declare the listed functions' declared
if [ -e "$library" ]; then
  check 'the library exports the listed functions' exported
else
  skip 'the library exports the listed functions' 'no shared library'
fi
finish
