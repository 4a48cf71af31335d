/*
 * measure.h - keeping the values in one of the two ways, in a process of its own, and what that
 * cost.
 *
 * The processes are forked from one that has never started the library and holds nothing but the
 * mapped inputs, so both begin alike. Cutting the input is part of both times.
 */
#ifndef STAT_MEASURE_H
#define STAT_MEASURE_H

#include "bytes.h"
#include "crew.h"
#include "input.h"
#include "split.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct measure_job {
    const struct input *inputs; /* all of them well formed */
    size_t input_count;
    const struct split_format *format;
    unsigned threads;
    size_t top;   /* how many values that save most */
    bool reclaim; /* drop the handles at the end */
};

struct measure_reclaim {
    uint64_t evicted;
    double seconds;           /* one collection, and the eviction of all that died in it */
    uint64_t heap_bytes;      /* heap in use before */
    uint64_t heap_left_bytes; /* and after */
};

struct measurement {
    uint64_t values;
    uint64_t heap_bytes; /* heap in use: the values, and the pointers that keep them */
    uint64_t rss_bytes;  /* resident anonymous memory when the last value was kept */
    double seconds;      /* from the first byte to the last value */

    /* Of the interned values only. */
    uint64_t collections;
    double collector_seconds;
    uint64_t distinct;
    uint64_t distinct_bytes;
    uint64_t top_count; /* records of rank.h that come along */
    struct measure_reclaim reclaim;
};

/* Keeps the values and measures; runs in the process of its own, and ends it where that fails. */
typedef void measure_way(const struct measure_job *job, crew_progress *progress,
                         struct measurement *result, struct bytes *top);
measure_way measure_plain;
measure_way measure_interned;

/* Runs one way in a new process, and shows its progress. top is appended to. Where that fails,
   says why and returns false. */
bool measure_in_process(measure_way *way, const char *label, const struct measure_job *job,
                        struct measurement *result, struct bytes *top);

/* For the ways: keeps all values in kept, one list for each thread; the seconds it took. */
double measure_keeping(const struct measure_job *job, const struct keeper *keeper,
                       struct kept *kept, crew_progress *progress);
double seconds_now(void);

#endif
