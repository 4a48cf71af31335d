/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/pool.h"

#include "base/pages.h"

#include <errno.h>
#include <string.h>

enum { SLAB_BYTES = 16 * PAGE_BYTES };

/* The blocks of the slab, linked. */
static void *link_blocks(const struct pool *pool, char *slab)
{
    void *first = NULL;
    for (size_t at = 0; at + pool->block <= SLAB_BYTES; at += pool->block) {
        *(void **)(void *)(slab + at) = first;
        first = slab + at;
    }
    return first;
}

/* Puts a list of blocks in front of those that are there. */
static void put(struct pool *pool, void *first)
{
    void *others = NULL, **last = first;
    /* Release: pairs with pool_take, which reads the links. */
    if (first == NULL || cas_release(&pool->free, &others, first))
        return;
    while (*last != NULL)
        last = *last;
    do
        *last = others;
    while (!cas_release(&pool->free, &others, first));
}

void *pool_take(struct pool *pool)
{
    /* All of them, and all but one go back: what nobody else sees cannot change meanwhile. Acquire: pairs with put. */
    void *first = exchange_acquire(&pool->free, NULL);
    if (first == NULL) {
        char *slab = pages_alloc(SLAB_BYTES);
        if (slab == NULL) {
            errno = ENOMEM;
            return NULL;
        }
        first = link_blocks(pool, slab);
    }
    put(pool, *(void **)first);
    return memset(first, 0, pool->block);
}

void pool_give_back(struct pool *pool, void *block)
{
    *(void **)block = NULL;
    put(pool, block);
}
