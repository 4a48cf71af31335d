/* SPDX-License-Identifier: MIT */
/* What keeps objects alive by the program's own word: pinned objects, and ranges of memory that are searched for
 * pointers. The public functions are in <hapax/memory.h>. */
#ifndef HAPAX_ROOTS_H
#define HAPAX_ROOTS_H

#include <stddef.h>

#include <stddef.h>

/* push_roots: pinned objects and what root ranges hold. */
void roots_push(void);
/* reclaim_end: ends the process where a range's memory is gone. */
void roots_reclaim_end(void);

/* Says where a call came from; handed down at the start. NULL: nobody can. */
extern void (*roots_describe_site)(const void *address, char *text, size_t size);

/* How often the object with this base is pinned. */
size_t roots_pins(const void *base);

#endif
