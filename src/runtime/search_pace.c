/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/search_pace.h"

#include "collector/collector.h"

#include <unistd.h>

enum {
    SHARE = 12,             /* of the program's time, one part in so many: some more than ten, since it varies */
    SIGNIFICANT = 64 << 10, /* bytes that say how fast a program allocates */
    GARBAGE = 2,            /* no more than so many times what was searched may become garbage meanwhile */
};

static uint64_t last_end, last_allocated;
static double rate = 1;     /* bytes that the program allocates in a nanosecond; at first, many */

/* What the program itself has set is the least. */
static size_t of_program, of_search;

static void set_least(size_t bytes)
{
    size_t now = collector_least_allocated();
    if (now != of_search)
        of_program = now;
    of_search = bytes > of_program ? bytes : of_program;
    collector_set_least_allocated(of_search);
}

void search_pace_searched(uint64_t bytes, uint64_t begin, uint64_t end)
{
    uint64_t allocated = collector_allocated();
    if (allocated - last_allocated >= SIGNIFICANT && begin > last_end && last_end != 0)
        rate = (double)(allocated - last_allocated) / (double)(begin - last_end);
    last_allocated = allocated;
    last_end = end;
    double wanted = rate * (double)(end - begin) * SHARE, most = (double)bytes * GARBAGE;
    double machine = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 8;
    if (wanted > most)
        wanted = most;
    set_least((size_t)(wanted < machine ? wanted : machine));
}

void search_pace_end(void)
{
    if (of_search != 0)
        set_least(0);
}
