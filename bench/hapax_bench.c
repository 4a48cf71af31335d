/* SPDX-License-Identifier: MIT */
/* hapax through its public header alone, in the loops that every peer runs.

   What keeps the values: one handle per distinct value in an array from
   hapax_alloc, which a static variable points at. W1 counts storing them; W7
   counts the collector searching that array, as the bare heap beside it does.
   The search of malloc's memory is off: natural_bench.c measures it. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <hapax.h>

#include "hapax_primitives.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Private, so that the primitives' keys are not counted among the values. */
static hapax_table *table;
static hapax_handle *kept;

static void must(bool success, const char *what)
{
    if (!success) {
        perror(what);
        exit(2);
    }
}

#define PEER_NAME "hapax"

static const char *peer_version(void)
{
    return hapax_version();
}

static void peer_start(size_t distinct)
{
    must(hapax_init() == 0 && hapax_search_malloc(false) == 0, "hapax_init");
    table = hapax_table_new(NULL, 0);
    must(table != NULL, "hapax_table_new");
    kept = hapax_alloc(distinct * sizeof *kept);
    must(kept != NULL, "hapax_alloc");
    memset(kept, 0, distinct * sizeof *kept);
}

static inline void peer_keep(size_t slot, const void *data, size_t size)
{
    kept[slot] = hapax_make_handle(table, data, size);
}

static inline uintptr_t peer_touch(const void *data, size_t size)
{
    return (uintptr_t)hapax_make_handle(table, data, size);
}

static uintptr_t peer_identity(size_t slot)
{
    return (uintptr_t)kept[slot];
}

static const void *peer_kept(size_t slot, size_t *size)
{
    *size = hapax_handle_size(kept[slot]);
    return hapax_handle_value(kept[slot]);
}

static struct hapax_table_stats table_stats(void)
{
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    return stats;
}

#define PEER_COUNT
static size_t peer_count(void)
{
    return (size_t)table_stats().live;
}

/* The collector's heap in use, and what the table by its own account maps beside it. */
#define PEER_HEAP_BYTES
static size_t peer_heap_bytes(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return (size_t)(stats.heap_bytes - stats.heap_free_bytes + table_stats().overhead_bytes);
}

#define PEER_THREADS
static void peer_enter_thread(void)
{
    must(hapax_init() == 0 && hapax_search_malloc(false) == 0, "hapax_init");
}

static void peer_leave_thread(void) {}

/* Handles of a batch lie on the stack, which is searched. */
#define PEER_BATCH
static uintptr_t peer_touch_batch(const struct bench_span *spans, size_t count)
{
    enum { WINDOW = 256 };
    hapax_span values[WINDOW];
    hapax_handle handles[WINDOW];
    uintptr_t sum = 0;
    for (size_t from = 0; from < count; from += WINDOW) {
        size_t size = count - from < WINDOW ? count - from : WINDOW;
        for (size_t i = 0; i < size; ++i)
            values[i] = (hapax_span){spans[from + i].data, spans[from + i].size};
        hapax_make_handles(table, values, size, handles);
        for (size_t i = 0; i < size; ++i)
            sum += (uintptr_t)handles[i];
    }
    return sum;
}

#define PEER_COLLECT
static void peer_collect(void)
{
    hapax_collect();
}

#define PEER_PAUSE_MS
static double peer_pause_ms(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return (double)stats.last_pause_ns / 1e6;
}

static size_t peer_values_left(void)
{
    return peer_count();
}

#define PEER_RECLAIM
#define PEER_RECLAIM_LEFT 0.001
static unsigned peer_drop_all(size_t distinct)
{
    enum { MOST_COLLECTIONS = 10 };
    unsigned collections = 0;
    memset(kept, 0, distinct * sizeof *kept);
    do {
        hapax_collect();
        ++collections;
    } while (collections < MOST_COLLECTIONS &&
             (double)peer_values_left() > PEER_RECLAIM_LEFT * (double)distinct);
    return collections;
}

#define PEER_STOPS

#define PEER_CHURN
#define PEER_CHURN_FLAT

#define PEER_MORE
static void peer_more(const struct bench_options *options, const struct bench_corpus *corpus)
{
    (void)corpus;
    if (bench_wants(options, "W10"))
        hapax_run_primitives();
}

#include "peer.h"
