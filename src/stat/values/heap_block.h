/* SPDX-License-Identifier: MIT */
/*
 * heap_block.h - what a block of malloc takes from the heap.
 */
#ifndef STAT_VALUES_HEAP_BLOCK_H
#define STAT_VALUES_HEAP_BLOCK_H

#include <stddef.h>

/* Computed as glibc does, not asked of the allocator, which gives a reused block a little more
   room now and then: the same values cost the same in every run. */
static inline size_t heap_block_cost(size_t size)
{
    enum { ALIGNMENT = 2 * sizeof(size_t), SMALLEST = 4 * sizeof(size_t) };
    size_t cost = (size + sizeof(size_t) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return cost > SMALLEST ? cost : SMALLEST;
}

#endif
