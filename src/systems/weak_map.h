/* SPDX-License-Identifier: MIT */
/* Weak maps: a weak set of entries each. The public functions are in <hapax/weak_map.h>; what a collection
 * does with the values stands in ephemeron.h. */
#ifndef HAPAX_WEAK_MAP_PRIVATE_H
#define HAPAX_WEAK_MAP_PRIVATE_H

#include <hapax/weak_map.h>

#include "cleanup/ephemeron.h"
#include "weak/weak_set.h"

/* Plain memory: neither the key nor the value is kept alive by it. Lives while its key and its map do. */
struct weak_map_entry {
    struct trie_object in_trie;
    const void *_Atomic key;    /* NULL: dead, and only still in the trie */
    atomic_word value;          /* 0: removed. The address itself, so a load of it is a strong pointer */
    struct waiter waiter;       /* .base: the key's object, of kind 0; 0: static data, which never dies */
    bool collected;             /* a collection's: whether the value leads to a collected object */
};

/* Scanned, collected memory. */
struct hapax_weak_map {
    struct weak_set set;
};

/* As long as the registry. */
struct weak_map_outside {
    struct trie_outside trie;   /* the set's */
    struct waiter waiter;       /* .base: the map */
};

extern const struct registry_kind weak_map_kind;

/* The library's start. */
void weak_map_start(void);

/* mark_end: about how many waiters there will be; then, after ephemeron_mark_begin, marks living entries and their
 * values. */
uint64_t weak_map_waiters(void);
void weak_map_mark_end(void);

#endif
