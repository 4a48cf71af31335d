/* SPDX-License-Identifier: MIT */
/* The memory of malloc: what it has handed out, and the thread-local variables of the main thread, which nobody else
 * has either.
 *
 * With glibc's malloc: chunks in use in the memory of brk, in arenas and in mappings of their own. With another one
 * that takes large mappings: all private memory without a file that is not the collector's, the library's own, or a
 * stack.
 *
 * Pages that were never touched are not read, and what a thread that is not stopped may unmap is copied by the system.
 *
 * Inside a collection, with the world stopped, but for the two that get it ready; one at a time. */
#ifndef HAPAX_MALLOC_MEMORY_H
#define HAPAX_MALLOC_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

enum memory_owner { OWNED_BY_MALLOC, OWNED_BY_MAIN_TLS, OWNED_BY_PROGRAM };

/* Gets [start, end), which can be read during the call; in the process it stands at this address. */
typedef void memory_visitor(const void *start, const void *end, uintptr_t at, enum memory_owner owner);

/* The library's start: looks at the program's malloc. False: it is one that is not known. */
bool malloc_memory_recognize(void);
/* Reserves what the rest takes; again does nothing. False with ENOMEM. Not beside itself. */
bool malloc_memory_prepare(void);

/* The threads are about to be stopped: puts the memory in order. */
void malloc_memory_tidy_up(void);

/* Calls visit for each part. False where it cannot be told what belongs to malloc now: then not all was visited.
 * certain: without blocks that may be free, though they may be in use. */
bool malloc_memory_each(memory_visitor *visit, bool certain);
/* Likewise for what the program has mapped itself. Freed memory and the stacks of dead threads are no part of
 * either. */
bool malloc_memory_each_mapped(memory_visitor *visit);

void malloc_memory_fork_child(void);

#endif
