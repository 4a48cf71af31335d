/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/memory.h>

#include "runtime/external.h"

#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/thread.h"

enum {
    LEAST = 16 << 20,       /* a collection stops all threads: it is not worth less */
    SHARE = 3,              /* of all memory, what may be new */
};

static atomic_count held;       /* bytes, as the program says */
static atomic_count added;      /* of them, since the last collection */
static atomic_bool asking;      /* of several threads, one collects */

/* Neither sum goes below 0 or around the end. */
static void change(atomic_count *sum, uint64_t bytes, bool more)
{
    uint64_t before = load_relaxed(sum), after;
    do
        after = more ? (bytes <= UINT64_MAX - before ? before + bytes : UINT64_MAX)
                     : (bytes <= before ? before - bytes : 0);
    while (!cas_relaxed(sum, &before, after)); /* relaxed: a count, which orders nothing */
}

static bool is_time(void)
{
    uint64_t new = load_relaxed(&added), heap, free;
    if (new < LEAST)
        return false;
    collector_heap(&heap, &free);
    return new >= (heap - free) / SHARE + load_relaxed(&held) / SHARE;
}

void hapax_external_memory(ptrdiff_t bytes)
{
    if (thread_enter() == NULL)
        return;
    if (bytes < 0) {
        change(&held, -(uint64_t)bytes, false);
        return;
    }
    change(&held, (uint64_t)bytes, true);
    change(&added, (uint64_t)bytes, true);
    if (likely(!is_time()) || exchange_relaxed(&asking, true))
        return;
    collector_collect_or_step();
    store_relaxed(&asking, false);
}

void external_reclaim_end(void)
{
    store_relaxed(&added, 0u);
}
