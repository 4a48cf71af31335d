/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=stale: the use of an evicted value stops the program with the value's text.
 *
 * A handle that stands where nobody searches for pointers outlives its value, and a new value soon has the same address: the
 * stale handle then equals the handle of another value. While the switch is on, each value has pages of its own. When it is
 * evicted, its pages are made inaccessible and not used again, until some thousands of others have been evicted after it.
 *
 * What is to be evicted is marked when everybody has seen that it is not, and unmarked again before the dead are settled:
 * so its memory outlives it. If finalizers of the collector's own bring anything back, everything in doubt lives on until
 * the next collection. Values that hold pointers are not watched, nor those that a table keeps. */
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
