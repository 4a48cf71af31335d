#!/bin/sh
# SPDX-License-Identifier: MIT
# Everything at once, in both ways the collector works; five seconds each. Longer: tests/stress --seconds=600.
. "$top_srcdir/tests/functions"

check 'collections that stop the world' "$top_builddir/tests/stress" --seconds=5
check 'incremental collections' "$top_builddir/tests/stress" --seconds=5 --incremental
finish
