/* SPDX-License-Identifier: MIT */
/* Runs: the free objects that a thread has at hand, so that an allocation in many takes the collector's lock.
 *
 * A run is a list of free objects of one kind and size, linked through their first words. The collector does not see
 * it: each collection marks what it keeps of every run. That is the first object, which the thread may be about to
 * take, and the second, which it may already have read to be the next; the others are the collector's again. So neither
 * a stop nor the memory held grows with the length of runs: a thread that has made a value of some size holds two
 * objects of that size.
 *
 * Threads: each set of runs belongs to one thread; runs_mark inside mark_end. */
#ifndef HAPAX_RUNS_H
#define HAPAX_RUNS_H

#include "base/sync.h"
#include "collector/collector.h"

enum { RUN_GRANULES = 32 };     /* larger objects are allocated one by one */

/* Those of one kind. Zeroed memory is a set of plain ones. */
struct runs {
    enum collector_kind kind;
    uint64_t used;                      /* the sizes of which there may be any, a bit each */
    void *of_size[RUN_GRANULES + 1];    /* in granules */
};

/* Matters of debugging, set at the library's start. Where one of them is, each value is allocated by itself, not from a
 * run. Called before that, while the caller owns nothing; answers how many bytes to allocate. */
extern void (*runs_before_value)(void);
extern size_t (*runs_value_size)(size_t size);

/* runs_alloc where no object of this size is at hand. */
void *runs_alloc_anew(struct runs *runs, size_t size);

/* An object, which is not searched for pointers unless its kind is; NULL with ENOMEM. What is searched is zeroed but
 * for its first word. Runs foreign finalizers, as every allocation does. */
static inline void *runs_alloc(struct runs *runs, size_t size)
{
    size_t granules = (size + COLLECTOR_GRANULE - 1) / COLLECTOR_GRANULE;
    if (unlikely(granules > RUN_GRANULES || runs->of_size[granules] == NULL))
        return runs_alloc_anew(runs, size);
    void **run = &runs->of_size[granules];
    /* A collection between the two finds the object in the run, or in a register. */
    void *object = reveal(*run);
    *(void *volatile *)run = *(void **)object;
    return object;
}

/* mark_end: keeps the beginning of each run. */
void runs_mark(struct runs *runs);
/* All objects are the collector's again. */
void runs_forget(struct runs *runs);

#endif
