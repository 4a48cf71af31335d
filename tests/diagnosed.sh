#!/bin/sh
# SPDX-License-Identifier: MIT
# With HAPAX_DEBUG=cleanups collections keep the arguments of cleanups and finalizers themselves: the suites that are about
# life and death pass all the same.
. "$top_srcdir/tests/functions"

passes() {
  HAPAX_DEBUG=cleanups,stats CRITERION_OUTPUTS=tap:- timeout 300 "$top_builddir/tests/test_$1" 2>&1 | grep -v '^hapax: ' >"$scratch/tap"
  grep -A 6 '^not ok' "$scratch/tap"
  grep -q '^ok' "$scratch/tap" && ! grep -q '^not ok' "$scratch/tap"
}

for suite in cache finalizer weak_map worker; do
  if [ -x "$top_builddir/tests/test_$suite" ]; then
    check "test_$suite with HAPAX_DEBUG=cleanups" passes "$suite"
  else
    skip "test_$suite with HAPAX_DEBUG=cleanups" 'not built'
  fi
done
finish
