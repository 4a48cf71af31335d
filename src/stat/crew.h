/*
 * crew.h - the threads that cut the input into values and keep them.
 *
 * Where a format can be cut at any boundary, each thread cuts and keeps a part of every input.
 * Otherwise one thread more cuts, and the others keep what it hands them; a single thread does
 * both by itself. Which thread keeps which value differs from run to run, their number never.
 */
#ifndef STAT_CREW_H
#define STAT_CREW_H

#include "input.h"
#include "keeper.h"
#include "split.h"

#include <stdatomic.h>
#include <stddef.h>

/* Bytes of the input that are done, in memory that parent and child share. */
typedef atomic_ullong crew_progress;

struct crew {
    const struct input *inputs;
    size_t input_count;
    const struct split_format *format;
    const struct keeper *keeper;
    struct kept *kept; /* one for each thread */
    unsigned threads;
    crew_progress *progress;
};

/* Keeps all values of all inputs, each of them well formed, and returns when that is done. */
void crew_keep_all(const struct crew *crew);

#endif
