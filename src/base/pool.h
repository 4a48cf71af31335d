/* SPDX-License-Identifier: MIT */
/* Blocks of one size in pages of the system's: neither the collector nor a search of malloc's memory looks into them.
 * For what has to know an object without keeping it alive.
 *
 * Threads: any; nothing waits. Nothing is given back to the system. A fork beside pool_take may cost the child the
 * blocks that were free. */
#ifndef HAPAX_POOL_H
#define HAPAX_POOL_H

#include "base/sync.h"

struct pool {
    size_t block;           /* bytes of one; set by the owner, at least a pointer's and a multiple of 16 */
    void *_Atomic free;     /* linked through their first words */
};

/* A zeroed block, or NULL with ENOMEM. */
void *pool_take(struct pool *pool);
void pool_give_back(struct pool *pool, void *block);

#endif
