/* measure_interned.c - what it costs to keep every value as a handle. */
#include "config.h"

#include "measure.h"

#include "keeper.h"
#include "memory_use.h"
#include "message.h"
#include "rank.h"

#include <errno.h>
#include <hapax.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Long enough for any queue of cleanups; this program has none of its own. */
enum { SETTLE_MS = 10000, MOST_AGAIN = 3 };

static void settle(void)
{
    hapax_collect();
    hapax_wait_cleanups(SETTLE_MS);
}

/* The collected heap, less what is free in it, and what the table needs beside that heap. */
static uint64_t heap_in_use(void)
{
    struct hapax_stats process;
    struct hapax_table_stats table;
    hapax_stats(&process);
    hapax_table_stats(keep_interned_table(), &table);
    return process.heap_bytes - process.heap_free_bytes + table.overhead_bytes;
}

static uint64_t evicted(void)
{
    struct hapax_table_stats table;
    hapax_table_stats(keep_interned_table(), &table);
    return table.evicted;
}

/* Ranking runs in a thread: the handles that its stack saw are gone with it. */

struct ranking {
    const struct kept *kept;
    const struct measure_job *job;
    struct bytes *top;
    struct rank_totals totals;
};

static void *rank(void *context)
{
    struct ranking *ranking = context;
    hapax_init();
    ranking->totals =
        rank_handles(ranking->kept, ranking->job->threads, ranking->job->top, ranking->top);
    return NULL;
}

static struct rank_totals rank_in_thread(const struct kept *kept, const struct measure_job *job,
                                         struct bytes *top)
{
    struct ranking ranking = { kept, job, top, { 0, 0, 0 } };
    pthread_t thread;
    int error = pthread_create(&thread, NULL, rank, &ranking);
    if (error) {
        complain("no thread: %s", strerror(error));
        _exit(EXIT_FAILURE);
    }
    pthread_join(thread, NULL);
    return ranking.totals;
}

static struct measure_reclaim reclaim(struct kept *kept, unsigned threads, uint64_t distinct)
{
    struct measure_reclaim result = { 0 };
    result.heap_bytes = heap_in_use();
    uint64_t before = evicted();
    for (unsigned i = 0; i < threads; i++)
        kept_forget(&kept[i]);
    double start = seconds_now();
    settle();
    result.seconds = seconds_now() - start;
    result.heap_left_bytes = heap_in_use();
    /* A stale word on the collector's own stack can hold one value or two through the first collection, hardly through
       the second: they are evicted, only later. */
    for (unsigned again = 0; again < MOST_AGAIN && evicted() - before < distinct; again++)
        settle();
    result.evicted = evicted() - before;
    return result;
}

void measure_interned(const struct measure_job *job, crew_progress *progress,
                      struct measurement *result, struct bytes *top)
{
    keep_interned_start();
    struct kept *kept = keep_interned.allocate(job->threads * sizeof *kept);
    if (hapax_pin(kept) != 0)
        out_of_memory();

    struct hapax_stats before, after;
    hapax_stats(&before);
    result->seconds = measure_keeping(job, &keep_interned, kept, progress);
    hapax_stats(&after);
    result->collections = after.collections - before.collections;
    result->collector_seconds = (double)(after.collector_ns - before.collector_ns) / 1e9;
    result->rss_bytes = resident_bytes();

    /* What the way there left behind is not what the values cost. */
    settle();
    result->heap_bytes = heap_in_use();
    for (unsigned i = 0; i < job->threads; i++)
        result->values += kept_count(&kept[i]);

    struct rank_totals totals = rank_in_thread(kept, job, top);
    result->distinct = totals.distinct;
    result->distinct_bytes = totals.distinct_bytes;
    result->top_count = totals.top_count;
    if (job->reclaim)
        result->reclaim = reclaim(kept, job->threads, result->distinct);
    hapax_unpin(kept);
}
