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

# A node is never changed after its release.
released() {
  awk -v node="$1" '$2 == node { print $1 }' "$scratch/nodes" | cksum >"$scratch/sum"
  echo "$2 are wanted; these are"
  cat "$scratch/sum"
  [ "$(cut -d ' ' -f 1 "$scratch/sum")" = "$2" ]
}

# The node of each minor release after the first inherits from the one before, and none is newer than the next release.
in_order() {
  sed -n 's/^\(HAPAX_[0-9.]*\) {.*/\1/p' "$top_srcdir/src/hapax.map" >"$scratch/order"
  sed -n 's/^} *\(HAPAX_[0-9.]*\);.*/\1/p' "$top_srcdir/src/hapax.map" >"$scratch/inherited"
  sed '$d' "$scratch/order" | diff - "$scratch/inherited" && sort -V -c "$scratch/order" &&
    newest=$(sed -n '1s/^hapax \([0-9]*\.[0-9]*\).*/HAPAX_\1/p' "$top_srcdir/NEWS") &&
    echo "newest release $newest" &&
    [ "$(printf '%s\n' "$newest" | sort -V - "$scratch/order" | tail -n 1)" = "$newest" ]
}

# Not every C library has these.
needs_none_of() {
  $NM -D --undefined-only "$library" | awk '{ sub(/@.*/, "", $2); print $2 }' >"$scratch/needed"
  [ -s "$scratch/needed" ] && ! printf '%s\n' "$@" | grep -Fx -f "$scratch/needed"
}

has_versions() {
  $NM -D --defined-only "$library" | grep -q '@.*HAPAX_'
}

check 'the headers declare the listed functions' declared
if [ -e "$library" ]; then
  check 'the library exports the listed functions' exported
  check 'the version script lists them' listed
  check 'the nodes are in order' in_order
  check 'HAPAX_0.1 is as it was released' released HAPAX_0.1 260087960
  check 'the library needs no backtrace' needs_none_of backtrace backtrace_symbols backtrace_symbols_fd
  if has_versions || grep -q '^VSCRIPT_LDFLAGS = .*version-script' "$top_builddir/Makefile"; then
    check 'each with the version that its release has' versioned
  else
    skip 'each with the version that its release has' 'this linker makes no versions, or nm does not show them'
  fi
else
  skip 'the library exports the listed functions' 'no shared library'
fi
finish
