/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "weak/churn.h"

#include "base/clock.h"
#include "base/sync.h"
#include "collector/collector.h"

enum {
    YOUNG = 64 << 10,       /* objects after which a collection is worth what it takes to stop the threads; short ones,
                             * and their places, still fit the caches of one processor */
    COST = 16,              /* marking, which is for the living alone, may take one part in so many of the time */
};

static atomic_count added;              /* since the last collection */
static atomic_bool die_young;           /* of those added before it, three quarters did not survive it */
static atomic_bool asked;               /* for one, since then */

/* Written inside collections, one at a time. */
static atomic_count began_ns, marked_ns, ended_ns;

void churn_added(size_t count)
{
    if (add_relaxed(&added, count) + count < YOUNG || !load_relaxed(&die_young))
        return;
    uint64_t began = load_relaxed(&began_ns), marked = load_relaxed(&marked_ns), ended = load_relaxed(&ended_ns);
    if (began > ended || monotonic_ns() - ended < (marked - began) * COST)
        return;
    /* Of several threads that come this far, one collects. */
    if (!exchange_relaxed(&asked, true))
        collector_collect_early();
}

void churn_mark_begin(void)
{
    store_relaxed(&began_ns, monotonic_ns());
}

void churn_mark_end(void)
{
    store_relaxed(&marked_ns, monotonic_ns());
}

void churn_reclaim_end(uint64_t evicted)
{
    store_relaxed(&die_young, evicted >= exchange_relaxed(&added, 0u) / 4 * 3);
    store_relaxed(&ended_ns, monotonic_ns());
    store_relaxed(&asked, false);
}
