#!/bin/sh
# SPDX-License-Identifier: MIT
# The programs of examples/ do what they say: each checks itself.
. "$top_srcdir/tests/functions"

run() {
  timeout 60 "$1" && return
  echo "exit status $?"
  return 1
}

for source in "$top_srcdir"/examples/*.c; do
  name=$(basename "$source" .c)
  check "$name" run "$top_builddir/examples/$name"
done
[ "$count" -gt 0 ] || skip_all 'no examples'
finish
