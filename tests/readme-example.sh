#!/bin/sh
# SPDX-License-Identifier: MIT
# The first C program of the README compiles without a warning, links and exits with 0.
. "$top_srcdir/tests/functions"

awk '/^```c$/ { program = 1; next } /^```/ && program { exit } program' "$top_srcdir/README.md" >"$scratch/readme.c"
check 'the example is there' test -s "$scratch/readme.c"
check 'the example runs' build_and_run "$scratch/readme.c" "$scratch/readme"
finish
