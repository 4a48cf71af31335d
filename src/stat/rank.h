/*
 * rank.h - how often each value occurs, and which of them save most when they are interned.
 */
#ifndef STAT_RANK_H
#define STAT_RANK_H

#include "bytes.h"
#include "keeper.h"

#include <stddef.h>
#include <stdint.h>

struct rank_totals {
    uint64_t distinct;
    uint64_t distinct_bytes;
    uint64_t top_count; /* records that were appended */
};

/* In front of the bytes of each value in the list of the top values. */
struct top_header {
    uint64_t count;
    uint64_t saved_bytes;
    uint64_t size;
};

/* Counts the handles in the lists of all threads, and appends the at most top_wanted values that
   save most to top, the best first: a struct top_header and the value each. A value saves one
   heap string for each time it occurs again; what saves nothing is left out. */
struct rank_totals rank_handles(const struct kept *kept, unsigned threads, size_t top_wanted,
                                struct bytes *top);

#endif
