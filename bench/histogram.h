/* SPDX-License-Identifier: MIT */
/* Counts of times, in nanoseconds, in a fixed size, and their quantiles. */

#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

/* Each power of two has 32 classes, so a class is at most 1/32 wide. */
enum { HISTOGRAM_STEPS = 32, HISTOGRAM_CLASSES = 60 * HISTOGRAM_STEPS };

struct histogram {
    uint64_t counts[HISTOGRAM_CLASSES];
    uint64_t total;
    uint64_t longest;
};

static inline size_t histogram_class(uint64_t ns)
{
    if (ns < HISTOGRAM_STEPS)
        return (size_t)ns;
    unsigned shift = 63 - (unsigned)__builtin_clzll(ns) - 5;
    return (size_t)(shift + 1) * HISTOGRAM_STEPS + (size_t)(ns >> shift) % HISTOGRAM_STEPS;
}

/* The largest time that falls into a class. */
static inline uint64_t histogram_class_end(size_t class_index)
{
    if (class_index < HISTOGRAM_STEPS)
        return class_index;
    unsigned shift = (unsigned)(class_index / HISTOGRAM_STEPS) - 1;
    return ((uint64_t)(HISTOGRAM_STEPS + class_index % HISTOGRAM_STEPS + 1) << shift) - 1;
}

static inline void histogram_record(struct histogram *histogram, uint64_t ns)
{
    size_t at = histogram_class(ns);
    ++histogram->counts[at < HISTOGRAM_CLASSES ? at : HISTOGRAM_CLASSES - 1];
    ++histogram->total;
    if (ns > histogram->longest)
        histogram->longest = ns;
}

/* The least time that `share` of the times do not exceed, or up to a 32nd more. */
static inline uint64_t histogram_quantile(const struct histogram *histogram, double share)
{
    double seen = 0;
    for (size_t i = 0; i < HISTOGRAM_CLASSES; ++i) {
        seen += (double)histogram->counts[i];
        if (seen > 0 && seen >= share * (double)histogram->total) {
            uint64_t end = histogram_class_end(i);
            return end < histogram->longest ? end : histogram->longest;
        }
    }
    return histogram->longest;
}

#endif
