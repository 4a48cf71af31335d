/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/pool.h"

#include "base/pages.h"

#include <errno.h>
#include <string.h>

enum { SLAB_BYTES = 16 * PAGE_BYTES };

/* The lock is held. */
static void add_slab(struct pool *pool, char *slab)
{
    for (size_t at = 0; at + pool->block <= SLAB_BYTES; at += pool->block) {
        *(void **)(void *)(slab + at) = pool->free;
        pool->free = slab + at;
    }
}

void *pool_take(struct pool *pool)
{
    char *slab = NULL;
    for (;;) {
        spin_acquire(&pool->lock);
        if (pool->free == NULL && slab != NULL) {
            add_slab(pool, slab);
            slab = NULL;
        }
        void *block = pool->free;
        if (block != NULL)
            pool->free = *(void **)block;
        spin_release(&pool->lock);
        if (block != NULL) {
            if (slab != NULL)
                pages_free(slab, SLAB_BYTES);
            return memset(block, 0, pool->block);
        }
        slab = pages_alloc(SLAB_BYTES);
        if (slab == NULL) {
            errno = ENOMEM;
            return NULL;
        }
    }
}

void pool_give_back(struct pool *pool, void *block)
{
    spin_acquire(&pool->lock);
    *(void **)block = pool->free;
    pool->free = block;
    spin_release(&pool->lock);
}
