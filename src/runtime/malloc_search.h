/* SPDX-License-Identifier: MIT */
/* The search of malloc's memory. In a program that has never heard of the collector, a handle may be stored anywhere a
 * C or C++ program stores a pointer, and keeps its value alive.
 *
 * Each collection searches the blocks that malloc has handed out for addresses of collected objects, and has these
 * objects marked. The time of a collection grows with malloc's memory, so collections become rarer as that memory
 * grows.
 *
 * malloc_memory.h says which memory belongs to malloc.
 *
 * Threads: malloc_search_set from any; the rest only inside a collection. Nothing allocates there. */
#ifndef HAPAX_MALLOC_SEARCH_H
#define HAPAX_MALLOC_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

/* The library's start, once the collector has started: on where the library has started it, unless the environment says
 * otherwise. */
void malloc_search_start(void);

/* From the next collection on. 0, or -1 with ENOTSUP or ENOMEM. */
int malloc_search_set(bool on);
bool malloc_search_is_on(void);

/* The threads are about to be stopped. */
void malloc_search_before_stop(void);
/* push_roots, with the world stopped, once in each stop. */
void malloc_search_push(void);

/* Since the start; the time without that for marking what was found. */
struct malloc_search_counts {
    uint64_t bytes, ns;
};
void malloc_search_counts(struct malloc_search_counts *counts);

#endif
