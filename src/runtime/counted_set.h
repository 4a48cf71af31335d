/* SPDX-License-Identifier: MIT */
/* A set of address ranges that counts how often each was added, and that a collection may read at any time.
 *
 * Open addressing with linear probing. All changes are made while no collection runs, so the collector's own
 * exclusion is the only lock; memory is allocated outside of it. */
#ifndef HAPAX_COUNTED_SET_H
#define HAPAX_COUNTED_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct counted_range {
    uintptr_t start;
    size_t size;
    size_t count;       /* 0: a free row */
    const void *site;   /* of the call that added it first */
};

struct counted_set {
    struct counted_range *rows;
    size_t room;        /* rows; a power of two, or 0 */
    size_t used;
};

/* False with ENOMEM. */
bool counted_set_add(struct counted_set *set, uintptr_t start, size_t size, const void *site);
/* How often it was added and not removed. */
size_t counted_set_count(struct counted_set *set, uintptr_t start, size_t size);
/* False where it is not there. */
bool counted_set_remove(struct counted_set *set, uintptr_t start, size_t size);

#endif
