/* SPDX-License-Identifier: MIT */
/* The collector layer on bdwgc: its heap as a whole. */
#include "config.h"

#include "collector/collector.h"

#ifndef GC_THREADS
#define GC_THREADS 1
#endif
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_mark.h>

void collector_heap_range(uintptr_t *low, uintptr_t *high)
{
    *low = (uintptr_t)GC_least_plausible_heap_addr;
    *high = (uintptr_t)GC_greatest_plausible_heap_addr;
}

bool collector_is_heap(const void *address)
{
    return GC_is_heap_ptr(address) != 0;
}

size_t collector_free_size(const void *page)
{
    /* A page of the heap that begins inside no object is the first of a free block, whose header has its size. */
    return GC_is_heap_ptr(page) && GC_base((void *)(uintptr_t)page) == NULL ? GC_size(page) : 0;
}

uint64_t collector_allocated(void)
{
    struct GC_prof_stats_s stats = {0};
    GC_get_prof_stats_unsafe(&stats, sizeof stats);
    return (uint64_t)stats.allocd_bytes_before_gc + stats.bytes_allocd_since_gc;
}

size_t collector_least_allocated(void)
{
    return GC_get_min_bytes_allocd();
}

void collector_set_least_allocated(size_t bytes)
{
    GC_set_min_bytes_allocd(bytes);
}

void collector_heap(uint64_t *heap_bytes, uint64_t *free_bytes)
{
    GC_word heap, free_part, unmapped;
    GC_get_heap_usage_safe(&heap, &free_part, &unmapped, NULL, NULL);
    *heap_bytes = heap;
    *free_bytes = free_part;
}

void collector_heap_inside(uint64_t *heap_bytes, uint64_t *free_bytes)
{
    struct GC_prof_stats_s stats = {0};
    GC_get_prof_stats_unsafe(&stats, sizeof stats);
    /* Without what was given back to the system, as in collector_heap. */
    *heap_bytes = stats.heapsize_full - stats.unmapped_bytes;
    *free_bytes = stats.free_bytes_full - stats.unmapped_bytes;
}
