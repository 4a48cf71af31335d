/* SPDX-License-Identifier: MIT */
/* measure.c - what it costs to keep all values in each of the ways. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#endif

#include "stat/measure/measure.h"

#include "stat/base/child.h"
#include "stat/base/message.h"
#include "stat/measure/clocks.h"
#include "stat/measure/keep_all.h"
#include "stat/measure/memory_use.h"

#include <hapax.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Rounds by default: at least the first number, for the spread, and up to the second one as long
   as all of them take no longer than this many seconds. */
enum { FEWEST_ROUNDS = 2, USUAL_ROUNDS = 5, ENOUGH_SECONDS = 10 };

/* One way, in the child. */

struct one {
    const struct measure_job *job;
    const struct way *way;
};

static const void **new_pointers(uint64_t count)
{
    size_t size = count * sizeof(void *);
    void *pointers = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pointers == MAP_FAILED)
        out_of_memory();
    return pointers;
}

static void keep_and_time(const struct one *one, const void **pointers,
                          struct child_progress *progress, struct measurement *result)
{
    uint64_t resident = resident_bytes();
    double wall = clock_wall();
    double processor = clock_processor();
    keep_all(one->job->spool, one->way, one->job->threads, pointers, progress);
    result->seconds = clock_processor() - processor;
    result->wall_seconds = clock_wall() - wall;
    uint64_t grown = resident_bytes();
    result->rss_bytes = grown > resident ? grown - resident : 0;
}

/* What only the library has. */
static void keep_and_time_interned(const struct one *one, const void **pointers,
                                   struct child_progress *progress, struct measurement *result)
{
    struct hapax_stats before, after;
    hapax_stats(&before);
    keep_and_time(one, pointers, progress, result);
    hapax_stats(&after);
    result->collections = after.collections - before.collections;
    result->collector_seconds = (double)(after.collector_ns - before.collector_ns) / 1e9;
    result->fixed_bytes = way_interned_fixed_bytes();
}

static void measure_one(void *context, struct child_progress *progress, int to)
{
    const struct one *one = context;
    const struct spool *spool = one->job->spool;
    bool interned = one->way == &way_interned;
    struct measurement result = { 0 };
    atomic_store_explicit(&progress->total, spool->size, memory_order_relaxed); /* to show */
    const void **pointers = new_pointers(spool->values);
    one->way->start(pointers, spool->values);
    if (interned)
        keep_and_time_interned(one, pointers, progress, &result);
    else
        keep_and_time(one, pointers, progress, &result);
    result.heap_bytes =
        one->way->heap_bytes(pointers, spool->values) + spool->values * sizeof *pointers;
    if (interned && one->job->reclaim)
        result.reclaimed = way_interned_reclaim(pointers, spool->values, one->job->distinct);
    child_send(to, &result, sizeof result);
}

static bool measure_in_child(const struct measure_job *job, const struct way *way,
                             struct measurement *result)
{
    struct one one = { job, way };
    char name[64];
    snprintf(name, sizeof name, "%s measurement", way->name);
    const struct child_job child = { measure_one, &one, name, { way->name, way->name } };
    struct bytes sent = { NULL, 0, 0 };
    bool well = child_run(&child, &sent);
    if (well && sent.size != sizeof *result) {
        complain("the %s sent no result", name);
        well = false;
    }
    if (well)
        memcpy(result, sent.data, sizeof *result);
    bytes_free(&sent);
    return well;
}

/* All of them, in rounds. */

static int compare_seconds(const void *left, const void *right)
{
    double a = ((const struct measurement *)left)->seconds;
    double b = ((const struct measurement *)right)->seconds;
    return (a > b) - (a < b);
}

static int compare_heap(const void *left, const void *right)
{
    uint64_t a = ((const struct measurement *)left)->heap_bytes;
    uint64_t b = ((const struct measurement *)right)->heap_bytes;
    return (a > b) - (a < b);
}

/* The round of the median time, with the median heap. */
static void sum_up(struct measured_way *way, struct measurement *rounds, unsigned count)
{
    qsort(rounds, count, sizeof *rounds, compare_heap);
    uint64_t heap_bytes = rounds[count / 2].heap_bytes;
    qsort(rounds, count, sizeof *rounds, compare_seconds);
    way->typical = rounds[count / 2];
    way->typical.heap_bytes = heap_bytes;
    way->seconds_least = rounds[0].seconds;
    way->seconds_most = rounds[count - 1].seconds;
}

static bool go_on(const struct measure_job *job, unsigned done, double since)
{
    if (job->rounds != MEASURE_ENOUGH_ROUNDS)
        return done < job->rounds;
    if (done < FEWEST_ROUNDS)
        return true;
    return done < USUAL_ROUNDS && clock_wall() - since < ENOUGH_SECONDS;
}

bool measure(const struct measure_job *job, struct measured_way *ways, size_t count,
             unsigned *rounds)
{
    struct measurement *all = need_zeroed(count * MEASURE_MOST_ROUNDS, sizeof *all);
    bool well = true;
    double start = clock_wall();
    for (*rounds = 0; well && go_on(job, *rounds, start); ++*rounds)
        for (size_t i = 0; well && i < count; i++)
            well = measure_in_child(job, ways[i].way, &all[i * MEASURE_MOST_ROUNDS + *rounds]);
    for (size_t i = 0; well && i < count; i++)
        sum_up(&ways[i], &all[i * MEASURE_MOST_ROUNDS], *rounds);
    free(all);
    return well;
}
