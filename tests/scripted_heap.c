/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "scripted_heap.h"
#include "scripted_collector.h"

#include "collector/collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(start, size) ((void)(start), (void)(size))
#endif

enum { POOLS = 128, ALIGNED_FROM = 4096 };

struct pool {
    size_t stride;
    enum kind kind;
    struct segment *segments, *at;      /* below `at` and `index` nothing is free */
    struct segment **end;
    unsigned index;
};

static unsigned char *arena;
struct segment heap_segments[SEGMENTS];
unsigned heap_segments_used;
static struct pool pools[POOLS];
static unsigned pools_used;

_Noreturn void heap_give_up(const char *reason)
{
    fprintf(stderr, "scripted collector: %s\n", reason);
    abort();
}

unsigned char *heap_object(const struct segment *segment, unsigned index)
{
    return arena + ((size_t)(segment - heap_segments) << SEGMENT_LOG) + index * segment->stride;
}

struct segment *heap_find(uintptr_t address, unsigned *index)
{
    if (arena == NULL || address - (uintptr_t)arena >= (uintptr_t)SEGMENTS << SEGMENT_LOG)
        return NULL;
    struct segment *segment = &heap_segments[(address - (uintptr_t)arena) >> SEGMENT_LOG];
    if (segment->stride == 0)
        return NULL;
    segment = &heap_segments[segment->first];
    *index = (unsigned)((address - (uintptr_t)heap_object(segment, 0)) / segment->stride);
    if (*index >= segment->count || load_relaxed(&segment->states[*index]) != LIVE)
        return NULL;
    return segment;
}

static struct segment *new_segment(size_t stride, enum kind kind)
{
    if (arena == NULL && (arena = aligned_alloc(SEGMENT_BYTES, (size_t)SEGMENTS << SEGMENT_LOG)) == NULL)
        heap_give_up("no memory");
    unsigned spans = (unsigned)((stride + SEGMENT_BYTES - 1) / SEGMENT_BYTES);
    if (heap_segments_used + spans > SEGMENTS)
        heap_give_up("the heap is full");
    struct segment *segment = &heap_segments[heap_segments_used];
    unsigned count = spans > 1 ? 1 : (unsigned)(SEGMENT_BYTES / stride);
    for (unsigned i = 0; i < spans; i++)
        segment[i] = (struct segment){.stride = stride, .count = count, .kind = kind, .first = heap_segments_used};
    segment->states = calloc(count, sizeof *segment->states);
    segment->marks = calloc(count, 1);
    if (segment->states == NULL || segment->marks == NULL)
        heap_give_up("no memory");
    heap_segments_used += spans;
    return segment;
}

static struct pool *pool_of(size_t stride, enum kind kind)
{
    for (unsigned i = 0; i < pools_used; i++)
        if (pools[i].stride == stride && pools[i].kind == kind)
            return &pools[i];
    if (pools_used == POOLS)
        heap_give_up("too many sizes");
    struct pool *pool = &pools[pools_used++];
    *pool = (struct pool){.stride = stride, .kind = kind};
    pool->end = &pool->segments;
    return pool;
}

void *heap_take(size_t size, enum kind kind)
{
    size_t unit = size >= ALIGNED_FROM ? CACHE_LINE : COLLECTOR_GRANULE;
    struct pool *pool = pool_of((size + unit - 1) / unit * unit, kind);
    for (;; pool->at = pool->at->next, pool->index = 0) {
        if (pool->at == NULL) {
            pool->at = *pool->end = new_segment(pool->stride, kind);
            pool->end = &pool->at->next;
            pool->index = 0;
        }
        for (; pool->index < pool->at->count; pool->index++) {
            if (load_relaxed(&pool->at->states[pool->index]) != FREE)
                continue;
            void *object = heap_object(pool->at, pool->index);
            ASAN_UNPOISON_MEMORY_REGION(object, pool->stride);
            memset(object, is_plain(kind) ? SCRIPT_UNWRITTEN : 0, pool->stride);
            store_relaxed(&pool->at->states[pool->index++], LIVE);
            if (pool->index > pool->at->used)
                pool->at->used = pool->index;
            return object;
        }
    }
}

void heap_kill(struct segment *segment, unsigned index)
{
    memset(heap_object(segment, index), SCRIPT_DEAD, segment->stride);
    ASAN_POISON_MEMORY_REGION(heap_object(segment, index), segment->stride);
    store_relaxed(&segment->states[index], DYING);
    segment->marks[index] = 0;
}

void heap_start_over(void)
{
    for (unsigned i = 0; i < pools_used; i++) {
        pools[i].at = pools[i].segments;
        pools[i].index = 0;
    }
}
