/* SPDX-License-Identifier: MIT */
/* Whole pages from the system, outside the collected heap: zeroed when first touched, never searched for pointers.
 *
 * Every function is a system call or two, takes no lock and touches no heap, so all but the reserving ones may be
 * called while a collection runs. All leave errno alone, even if they fail, because the caller may then try something
 * else and succeed. */
#ifndef HAPAX_PAGES_H
#define HAPAX_PAGES_H

#include "base/sync.h"

#include <stdbool.h>
#include <stddef.h>

enum { PAGE_BYTES = 4096 };

/* So many bytes, filled up to whole pages of the system's, which may be larger than PAGE_BYTES. */
size_t pages_round(size_t size);

/* `size` bytes ready for use; NULL if memory is short. */
void *pages_alloc(size_t size);

/* `size` bytes ready for use, which take memory only where they are touched and count for nothing before, where the
 * system allows it; NULL if addresses are short. */
void *pages_alloc_lazily(size_t size);

/* Such pages that are wanted once in a process, by whichever thread comes first. */
struct pages_once {
    void *_Atomic start;    /* NULL: not there yet */
    _Atomic size_t size;    /* in bytes; set before the start is */
};
/* Sees to it that they are there: `size` bytes, or, where that much cannot be had, a half, a quarter and so on, down to
 * `smallest`. No lock is taken: a fork beside it leaves nothing half done. False with errno ENOMEM; else errno is
 * left alone. */
bool pages_alloc_once(struct pages_once *once, size_t size, size_t smallest);
/* Inside a collection, where such pages are nobody else's: makes them larger, with the first `used` bytes as they are;
 * they may move. False, with nothing changed, where that much cannot be had. */
bool pages_widen(struct pages_once *once, size_t size, size_t used);

/* Address space without memory, aligned to `alignment` (a power of two); NULL if there is none. */
void *pages_reserve(size_t size, size_t alignment);
/* Makes a part of reserved address space usable, which may begin within a page; huge pages are asked for where it is
 * large. False if memory is short. */
bool pages_commit(void *start, size_t size);

/* Gives the memory back to the system, as far as it consists of whole pages of the system's that are not locked; the
 * addresses stay usable and read as zero, all of them and none beside. */
void pages_give_back(void *start, size_t size);
/* Gives the memory back of whole pages, all of whose bytes are zero, and which nobody will write to any more; they stay
 * readable, and count for nothing. */
void pages_retire(void *start, size_t size);
/* Gives the addresses back too. */
void pages_free(void *start, size_t size);

#endif
