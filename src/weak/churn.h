/* SPDX-License-Identifier: MIT */
/* Values that die young. The collector runs when its heap is full; a heap that was once large then fills with millions
 * of dead values, and the places that tries and registries keep for each, of which the collector does not know, crowd
 * the living out of the processor's caches. Where most of what was added since a collection died in the next, the
 * library asks for one sooner, as a collector with generations would, as long as there is little to mark. */
#ifndef HAPAX_CHURN_H
#define HAPAX_CHURN_H

#include <stddef.h>
#include <stdint.h>

/* So many more objects are in registries. May collect: the caller owns nothing. */
void churn_added(size_t count);

/* Marking begins; it may begin anew. */
void churn_mark_begin(void);
/* mark_end, before anything else. */
void churn_mark_end(void);
/* reclaim_end: how many objects were evicted. */
void churn_reclaim_end(uint64_t evicted);

#endif
