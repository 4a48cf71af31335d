#!/bin/sh
# SPDX-License-Identifier: MIT
# The static tracepoints: the library has those that hapax(7) names, and a program hits each as often as it should.
. "$top_srcdir/tests/functions"

[ "$PROBES" = yes ] || skip_all 'configured without tracepoints'
library=$top_builddir/src/.libs/libhapax.so
[ -e "$library" ] || skip_all 'no shared library'

# Each tracepoint of the page, once.
sed -n '/^\.Ss Tracepoints/,/^\.S[sh] [^T]/s/^\.It Fn \([a-z_]*\) .*/\1/p' "$top_srcdir/man/hapax.7" | LC_ALL=C sort >"$scratch/page"

in_library() {
  readelf -n "$library" | awk '$1 == "Provider:" { hapax = $2 == "hapax" } $1 == "Name:" && hapax { print $2 }' |
    LC_ALL=C sort -u >"$scratch/library"
  [ -s "$scratch/page" ] && diff -u "$scratch/page" "$scratch/library"
}

in_script() {
  sed -n 's/^usdt:libhapax\.so\.1:hapax:\([a-z_]*\)$/\1/p' "$top_srcdir/examples/trace.bt" | LC_ALL=C sort >"$scratch/script"
  diff -u "$scratch/page" "$scratch/script"
}

if command -v readelf >/dev/null; then
  check 'the library has those of hapax(7)' in_library
else
  skip 'the library has those of hapax(7)' 'readelf is not here'
fi
check 'trace.bt uses them all' in_script

cat >"$scratch/traced.c" <<'END'
#include <hapax.h>
#include <stdio.h>

enum { VALUES = 300, LOOKUPS = 7, CLEANUPS = 100 };

static void cleanup(void *argument)
{
    (void)argument;
}

static __attribute__((noinline)) int fill(void)
{
    char text[32];
    for (int round = 0; round < LOOKUPS; round++)
        for (int i = 0; i < VALUES; i++) {
            snprintf(text, sizeof text, "value %d", i);
            if (!hapax_intern(text))
                return 1;
        }
    for (int i = 0; i < CLEANUPS; i++)
        if (hapax_add_cleanup(hapax_alloc(32), cleanup, NULL, NULL) != 0)
            return 1;
    return 0;
}

int main(void)
{
    /* Cleanups run where this program asks for it. */
    if (hapax_set_cleanup_threads(0) != 0 || fill() != 0)
        return 1;
    struct hapax_table_stats strings;
    struct hapax_stats stats;
    for (int i = 0; i < 3; i++)
        hapax_collect();
    size_t ran = hapax_run_cleanups();
    hapax_table_stats(hapax_strings(), &strings);
    hapax_stats(&stats);
    printf("intern %d\nevict %llu\ncleanup %zu\ncollection_begin %llu\ncollection_end %llu\n", VALUES,
           (unsigned long long)strings.evicted, ran, (unsigned long long)stats.collections,
           (unsigned long long)stats.collections);
    return strings.evicted == 0 || ran == 0;
}
END

# Each tracepoint is a breakpoint that never stops the program; gdb counts. Answers the counts, in the order of the page.
gdb_counts() {
  set -- -ex 'break main' -ex 'run'
  number=1
  while read -r probe; do
    number=$((number + 1))
    set -- "$@" -ex "break -probe-stap hapax:$probe" -ex "ignore $number 1000000"
  done <"$scratch/page"
  timeout 100 gdb -batch -nx "$@" -ex 'continue' -ex 'info breakpoints' "$scratch/traced" >"$scratch/said" 2>&1
  cat "$scratch/said"
  awk 'NR == FNR { name[NR + 1] = $1; next }
    /^[0-9]+ / { number = $1 }
    /already hit/ && number > 1 { print name[number], $4; number = 0 }' "$scratch/page" "$scratch/said" >"$scratch/counted"
}

# What the program says of itself: tracepoint and number.
as_often() {
  gdb_counts
  grep -E '^[a-z_]+ [0-9]+$' "$scratch/said" | LC_ALL=C sort >"$scratch/told"
  [ -s "$scratch/told" ] && diff -u "$scratch/told" "$scratch/counted"
}

may_trace() {
  timeout 60 gdb -batch -nx -ex 'break main' -ex 'run' "$scratch/traced" 2>&1 | grep -q 'Breakpoint 1, .*main'
}

# The debugger would stop at the faults by which the collector notices writes.
unset GC_ENABLE_INCREMENTAL
check 'a program to trace compiles' build_example "$scratch/traced.c" "$scratch/traced"
if is_hard_build; then
  skip 'each is hit as often as what it is for' 'the hard build collects all the time'
elif command -v gdb >/dev/null && may_trace; then
  check 'each is hit as often as what it is for' as_often
else
  skip 'each is hit as often as what it is for' 'no gdb, or it may not trace'
fi

if command -v bpftrace >/dev/null && bpftrace -d -e 'BEGIN { exit(); }' >/dev/null 2>&1; then
  sed "s|libhapax\.so\.1|$library|" "$top_srcdir/examples/trace.bt" >"$scratch/trace.bt"
  check 'bpftrace takes trace.bt' bpftrace -d "$scratch/trace.bt"
else
  skip 'bpftrace takes trace.bt' 'no bpftrace, or it may not trace'
fi
finish
