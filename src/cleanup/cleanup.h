/* SPDX-License-Identifier: MIT */
/* Cleanups: what they need of a collection. The public functions are in <hapax/cleanup.h>. */
#ifndef HAPAX_CLEANUP_PRIVATE_H
#define HAPAX_CLEANUP_PRIVATE_H

#include <stdint.h>

void cleanup_decide(void);
void cleanup_reclaim_end(void);

struct cleanup_counts {
    uint64_t pending, queued, run;
};
void cleanup_counts(struct cleanup_counts *counts);

#endif
