/* SPDX-License-Identifier: MIT */
/* way_interned.c - every value is a handle of one table. */
#include "config.h"

#include "stat/base/message.h"
#include "stat/measure/clocks.h"
#include "stat/measure/way.h"

#include <errno.h>
#include <hapax.h>
#include <string.h>
#include <unistd.h>

/* Long enough for any queue of cleanups; this program has none of its own. */
enum { SETTLE_MS = 10000, MOST_AGAIN = 3 };

/* Pinned as long as the process runs. */
static hapax_table *table;
static uint64_t fixed_bytes;

static void settle(void)
{
    hapax_collect();
    hapax_wait_cleanups(SETTLE_MS);
}

/* The collected heap, less what is free in it, and what the table needs beside that heap. */
static uint64_t heap_in_use(void)
{
    struct hapax_stats process;
    struct hapax_table_stats values;
    hapax_stats(&process);
    hapax_table_stats(table, &values);
    return process.heap_bytes - process.heap_free_bytes + values.overhead_bytes;
}

static uint64_t evicted(void)
{
    struct hapax_table_stats values;
    hapax_table_stats(table, &values);
    return values.evicted;
}

static void start(const void **pointers, size_t count)
{
    if (hapax_init() != 0)
        give_up("cannot start the library");
    table = hapax_table_new(NULL, 0);
    if (!table || hapax_pin(table) != 0)
        give_up("no table");
    if (count > 0 && hapax_add_roots(pointers, count * sizeof *pointers) != 0)
        give_up("no root range");
    settle();
    fixed_bytes = heap_in_use();
}

static void enter_thread(void)
{
    if (hapax_init() != 0)
        give_up("a thread cannot be registered");
}

static const void *keep(const char *data, size_t size)
{
    hapax_handle handle = hapax_make_handle(table, data, size);
    if (!handle)
        give_up("no handle");
    return handle;
}

/* What the way there left behind is not what the values cost. */
static uint64_t heap_bytes(const void *const *pointers, size_t count)
{
    (void)pointers;
    (void)count;
    settle();
    uint64_t bytes = heap_in_use();
    return bytes > fixed_bytes ? bytes - fixed_bytes : 0;
}

uint64_t way_interned_fixed_bytes(void)
{
    return fixed_bytes;
}

struct way_reclaimed way_interned_reclaim(const void **pointers, size_t count, uint64_t distinct)
{
    struct way_reclaimed result = { 0 };
    result.heap_bytes = heap_in_use();
    uint64_t before = evicted();
    memset(pointers, 0, count * sizeof *pointers);
    double start_seconds = clock_wall();
    settle();
    result.seconds = clock_wall() - start_seconds;
    result.heap_left_bytes = heap_in_use();
    /* A stale word on the collector's own stack can hold one value or two through the first
       collection, hardly through the second: they are evicted, only later. */
    for (unsigned again = 0; again < MOST_AGAIN && evicted() - before < distinct; again++)
        settle();
    result.evicted = evicted() - before;
    return result;
}

const struct way way_interned = { "interned", start, enter_thread, keep, heap_bytes, 0 };
