#!/bin/sh
# SPDX-License-Identifier: MIT
# The demo gives one report, however many headers there are and however long their names, and a clear line if there are none.
. "$top_srcdir/tests/functions"

# The make around this one would have it say which folder it enters.
demo() { MAKEFLAGS='' MFLAGS='' MAKELEVEL=0 "$MAKE" -s -C "$top_builddir" demo DEMO_FOLDER="$1" >"$scratch/report" 2>"$scratch/said"; }
one_report() { [ "$(grep -c 'of c' "$scratch/report")" -eq 1 ] && grep -q '^12,000 files' "$scratch/report"; }
# shellcheck disable=SC3045 # every shell that is sh somewhere has -s
little_stack() { ( ulimit -s 256 && demo "$1" ); }

folder=$scratch/headers/$(printf '%0200d' 7)
mkdir -p "$folder"
awk -v folder="$folder" 'BEGIN {
  for (i = 0; i < 12000; i++) {
    file = folder "/" i ".h"
    print "int value_" i % 100 ";" >file
    close(file)
  }
}'
check 'the demo runs' demo "$scratch/headers"
check '12,000 long names: one report' one_report
check 'the demo runs with a small stack' little_stack "$scratch/headers"
check 'a small stack: one report' one_report

mkdir "$scratch/none"
without_headers() { ! demo "$scratch/none"; }
check 'without headers it fails' without_headers
check 'and says so' grep -q "^demo: there are no C headers in $scratch/none" "$scratch/said"
no_report() { [ ! -s "$scratch/report" ] || { cat "$scratch/report"; false; }; }
check 'with no report' no_report
finish
