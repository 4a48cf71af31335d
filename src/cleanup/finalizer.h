/* SPDX-License-Identifier: MIT */
/* Finalizers: what they need of a collection. The public functions are in <hapax/finalizer.h>.
 *
 * When marking has ended, what the contents of every unmarked object with a finalizer reach is marked, but not these
 * objects themselves. Those still unmarked are reached by no other one, nor by themselves: they are condemned, and
 * their finalizers are queued. The others are kept for a later collection; those of a cycle for ever. A pointer of an
 * object to itself is no cycle. */
#ifndef HAPAX_FINALIZER_PRIVATE_H
#define HAPAX_FINALIZER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

/* finalizer_mark_end: at mark_end, after the values of weak maps are marked. It leaves condemned objects unmarked: for
 * weak words, they are dead. finalizer_mark_condemned: when all weak words are decided and no thread looks at marks any
 * more. It marks the condemned objects, since each stays until its finalizer has run. */
void finalizer_mark_end(void);
void finalizer_mark_condemned(void);

/* Between the two. Whether anything may be condemned; then, what is reached by objects that live on after all is no
 * longer, and if it is not known what they reach, nothing is settled about the others either. */
bool finalizer_doubts(void);
void finalizer_reached(const void *base);
void finalizer_unsure(void);

/* reclaim_end, first of all: settles the objects that were condemned. */
void finalizer_settle(void);
/* reclaim_end. Whether this object was condemned by the collection that runs: weak pointers to it turn NULL. */
bool finalizer_condemned(const void *base);
/* reclaim_end, after everybody has asked that: queues the finalizers. */
void finalizer_reclaim_end(void);

struct finalizer_counts {
    uint64_t queued, run;
};
void finalizer_counts(struct finalizer_counts *counts);

#endif
