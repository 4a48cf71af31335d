/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=stale: if the program uses an evicted value, the library names the value and ends the program.
 *
 * A handle in memory that is not searched outlives its value. Soon a new value has the same address, and the stale
 * handle equals the handle of this other value. While the switch is on, each value has pages of its own. When the value
 * is evicted, the library makes its pages inaccessible. It uses them again only after some thousands of other
 * evictions.
 *
 * The library marks a value that it is about to evict, once all parts of the collection have seen that it is unmarked,
 * and unmarks it before the dead are settled: so the memory outlives the value. If finalizers of the collector bring
 * anything back, everything in doubt lives until the next collection. Values that hold pointers are not watched, and
 * neither are values that a table keeps. */
#ifndef HAPAX_STALE_H
#define HAPAX_STALE_H

#include <stdbool.h>
#include <stddef.h>

extern bool stale_is_on;

/* The library's start: reads the switch. 0 or -1 with errno. */
int stale_start(void);

/* decide: the object of a value of so many bytes, which are called so, is in doubt. */
void stale_doubted(const void *object, const void *value, size_t size, const char *values);
/* decide, last of all: when nobody looks at marks any more. */
void stale_decided(void);
/* A foreign finalizer is about to get an object. */
void stale_brought_back(void);
/* reclaim_end: before anything is settled, and after everything. */
void stale_reclaim_begin(void);
void stale_reclaim_end(void);

#endif
