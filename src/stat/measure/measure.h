/* SPDX-License-Identifier: MIT */
/*
 * measure.h - what it costs to keep all values in each of the ways.
 *
 * Each way runs in a process of its own, several times: in rounds, each of all the ways in turn,
 * so that what disturbs the machine for a while disturbs them all. The values come from the spool;
 * the time is that from the first value to the last. Reading them is part of it, cutting the input
 * is not.
 */
#ifndef STAT_MEASURE_MEASURE_H
#define STAT_MEASURE_MEASURE_H

#include "stat/measure/way.h"
#include "stat/values/spool.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEASURE_ENOUGH_ROUNDS = 0, MEASURE_MOST_ROUNDS = 100 };

struct measure_job {
    const struct spool *spool;
    uint64_t distinct;
    unsigned threads;
    unsigned rounds; /* MEASURE_ENOUGH_ROUNDS: up to five, fewer if they take long */
    bool reclaim;    /* drop the handles at the end */
};

struct measurement {
    uint64_t heap_bytes;  /* heap in use for the values, and the array of pointers to them */
    uint64_t fixed_bytes; /* heap that the way takes without any value; not part of heap_bytes */
    uint64_t rss_bytes;   /* by how much resident anonymous memory has grown */
    double seconds;       /* of all processors together */
    double wall_seconds;

    /* Of the interned values only. */
    uint64_t collections;
    double collector_seconds;
    struct way_reclaimed reclaimed;
};

struct measured_way {
    const struct way *way;
    struct measurement typical;          /* medians of the rounds */
    double seconds_least, seconds_most; /* of all rounds */
};

/* Measures the ways; fills in the results, and in *rounds how many there were. False: failed, and
   that was said. */
bool measure(const struct measure_job *job, struct measured_way *ways, size_t count,
             unsigned *rounds);

#endif
