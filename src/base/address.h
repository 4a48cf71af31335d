/* SPDX-License-Identifier: MIT */
/* How many bits an address may have. Words of a trie keep sixteen bits of a hash above the address of an object or a
 * line. On nearly all systems these bits of an address are 0. A system that hands out addresses of 57 bits unasked is
 * refused: the library does not start there, and memory of that kind that turns up later is not taken. */
#ifndef HAPAX_ADDRESS_H
#define HAPAX_ADDRESS_H

#include "base/sync.h"

/* 48. Fewer for tests. */
extern unsigned address_bits;

/* Whether memory that ends at this address can be used. */
static inline bool address_fits(const void *end)
{
    return ((uintptr_t)end - 1) >> address_bits == 0;
}

/* Says on standard error, the first time, that it cannot. */
void address_refuse(const void *end);

#endif
