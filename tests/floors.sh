#!/bin/sh
# SPDX-License-Identifier: MIT
# The includes of src/ run one way: from each floor of src/floors to lower floors, and nowhere in a ring.
. "$top_srcdir/tests/functions"

# includes DIR: each include of our own as "FILE HEADER", with public headers as "hapax/NAME.h".
includes() {
  # shellcheck disable=SC2016 # $2 is of awk
  (cd "$1" && find . -name '*.[ch]' -o -name '*.cc' | sed 's|^\./||' | sort | xargs awk '
    /^#include "config\.h"/ { next }
    /^#include ["<]/ {
      header = $2
      gsub(/["<>]/, "", header)
      if ($2 ~ /^"/ && header !~ /\//) {     # in the same folder
        folder = FILENAME
        sub(/[^\/]*$/, "", folder)
        header = folder header
      }
      if ($2 ~ /^"/ || header ~ /^(hapax|gc|xxhash)/) print FILENAME, header
    }')
}

# climbing DIR: the includes that do not run down.
climbing() {
  includes "$1" | awk '
    NR == FNR {
      if ($0 !~ /^#/) {
        rank[$1] = NR
        for (i = 2; i <= NF; i++) rank["hapax/" $i] = NR
      }
      next
    }
    function floor_of(path) { sub(/\/.*/, "", path); return path }
    {
      from = floor_of($1)
      to = $2 ~ /^hapax\// ? rank[$2] : $2 == "hapax.h" ? rank["library"] : rank[floor_of($2)]
      if (!(from in rank)) print $1 ": its folder is no floor of src/floors"
      else if ($2 ~ /^gc/) { if (from != "collector") print $1 " includes " $2 ": only src/collector does" }
      else if ($2 ~ /^xxhash/) { if ($1 != "base/hash.h") print $1 " includes " $2 ": only src/base/hash.h does" }
      else if (!to) print $1 " includes " $2 ", which is on no floor"
      else if (to > rank[from]) print $1 " includes " $2 ", which is higher"
    }' "$1/floors" -
}

# rings DIR: modules (a header and its source) that include each other, directly or by way of others.
rings() {
  includes "$1" | awk '$2 !~ /^(hapax|gc|xxhash)/ {
    sub(/\.([ch]|cc)$/, "", $1); sub(/\.h$/, "", $2)
    if ($1 != $2) print $1, $2
  }' | { tsort >/dev/null; } 2>&1
}

nothing() {
  found=$("$@")
  [ -z "$found" ] || { echo "$found"; return 1; }
}

something() { ! nothing "$@" >/dev/null; }

each_explained() {
  missing=0
  for folder in "$top_srcdir"/src/*/; do
    [ -s "$folder/README.md" ] || { echo "$folder has no README.md"; missing=1; }
  done
  return "$missing"
}

check 'no include goes up or sideways' nothing climbing "$top_srcdir/src"
check 'no ring among the modules' nothing rings "$top_srcdir/src"
check 'each floor says what lives there' each_explained

# What the test has to find.
planted=$scratch/src
cp -R "$top_srcdir/src" "$planted"
echo '#include "values/table.h"' >>"$planted/base/clock.c"
check 'finds an include that goes up' something climbing "$planted"
cp "$top_srcdir/src/base/clock.c" "$planted/base/clock.c"
echo '#include <hapax/weak_map.h>' >>"$planted/cleanup/ephemeron.c"
check 'finds a public header of a higher floor' something climbing "$planted"
cp "$top_srcdir/src/cleanup/ephemeron.c" "$planted/cleanup/ephemeron.c"
echo '#include <gc/gc.h>' >>"$planted/weak/registry.c"
check "finds the collector's header outside of its folder" something climbing "$planted"
cp "$top_srcdir/src/weak/registry.c" "$planted/weak/registry.c"
echo '#include "cleanup/cleanup.h"' >>"$planted/cleanup/executor.c"
check 'finds a ring inside a folder' something rings "$planted"
cp "$top_srcdir/src/cleanup/executor.c" "$planted/cleanup/executor.c"
check 'nothing planted is left' nothing climbing "$planted"
echo '#include <gc/gc.h>' >"$planted/weak/planted.cc"
check 'reads C++ too' something climbing "$planted"
finish
