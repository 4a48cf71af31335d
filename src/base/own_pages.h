/* SPDX-License-Identifier: MIT */
/* Which pages are the library's own: what pages_alloc and its like have taken from the system. A search of all memory
 * leaves them out, since they are full of addresses that keep nothing alive.
 *
 * Threads: any, inside collections and signal handlers too; nothing waits. A list that is taken while the world is
 * stopped may lack pages of a thread that was about to tell of them; nothing is in these yet. */
#ifndef HAPAX_OWN_PAGES_H
#define HAPAX_OWN_PAGES_H

#include <stddef.h>
#include <stdint.h>

struct page_range {
    uintptr_t start, end;
};

void own_pages_add(const void *start, size_t size);
void own_pages_remove(const void *start, size_t size);

/* Writes all ranges, in the order of their addresses; answers how many there are, which may be more than there is room
 * for. */
size_t own_pages_list(struct page_range *list, size_t room);

#endif
