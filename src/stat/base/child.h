/* SPDX-License-Identifier: MIT */
/*
 * child.h - work in a process of its own, its progress, and what it sends back.
 *
 * The parent holds little and has started no library, so that all its children begin alike. What
 * other code than the program's own writes to a child's standard error (the collector's warnings)
 * is shown only if the child dies of something that it did not explain; with HAPAX_DEBUG set it
 * comes through at once.
 */
#ifndef STAT_BASE_CHILD_H
#define STAT_BASE_CHILD_H

#include "stat/base/bytes.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* In memory that parent and child share. */
struct child_progress {
    atomic_ullong done, total;
    atomic_bool second; /* the work's second half, which has a label of its own */
};

struct child_job {
    /* Runs in the child; sends its result with child_send. */
    void (*work)(void *context, struct child_progress *progress, int to);
    void *context;
    const char *name;      /* for messages, as in "the plain measurement" */
    const char *labels[2]; /* of the progress bar */
};

/* Runs the job and appends what it sent. If it fails, says why and returns false. */
bool child_run(const struct child_job *job, struct bytes *received);

void child_send(int to, const void *data, size_t size);

static inline void child_advance(struct child_progress *progress, unsigned long long amount)
{
    /* Relaxed: a number to show. */
    atomic_fetch_add_explicit(&progress->done, amount, memory_order_relaxed);
}

#endif
