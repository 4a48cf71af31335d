/* SPDX-License-Identifier: MIT */
/* Weak sets: a trie to find objects by their hash, and the registry through which collections take out the dead ones.
 * Tables of canonical values, the cells of weak pointers, caches and weak maps are weak sets of different objects. */
#ifndef HAPAX_WEAK_SET_H
#define HAPAX_WEAK_SET_H

#include "trie/trie.h"
#include "weak/registry.h"

/* In scanned memory, the first member of its owner: the context of the set's registry is the set. */
struct weak_set {
    struct trie trie;
    struct registry *registry;
};

/* Fills in an empty set; owner and keep as for registry_new. What is outside begins with a struct
 * trie_outside. False with ENOMEM. */
bool weak_set_init(struct weak_set *set, const struct registry_kind *kind, void *owner, void *_Atomic *keep);

/* Publishes the object, which the caller holds, with the ticket of a search by `equal` and `key` that found nothing.
 * Answers the object; or the one that another thread was first with; or NULL with ENOMEM. Then the root grows where it
 * has to, and the caller does a part of it. */
void *weak_set_publish(struct weak_set *set, struct trie_object *object, trie_equal *equal, const void *key,
                       uint64_t ticket);
/* The same for an object that nobody is to find: it is known to collections only. False with ENOMEM. */
bool weak_set_add_unfound(struct weak_set *set, struct trie_object *object);

/* ---- What the kinds of registries are made of ---- */

void weak_set_prefetch(void *set, const void *object);
void weak_set_destroy(void *outside);
void weak_set_care(void *set);

/* What `doubt` answers: the place of the object's entry, which is tentative now. */
uintptr_t weak_set_doubt(struct weak_set *set, struct trie_object *object);
/* Or the object, if its entry stays as it is: there is none; or another thread holds the object, perhaps while it moves
 * the entry inside the trie. An object that a collection finds unmarked has its entry in one place: no thread moves
 * it. */
static inline uintptr_t weak_set_stays(const void *object)
{
    return (uintptr_t)object | 3;
}

/* For `settle`: the object that stays, or NULL. */
static inline void *weak_set_staying(uintptr_t doubted)
{
    return (doubted & 3) == 3 ? (void *)(doubted & ~(uintptr_t)3) : NULL;
}
/* The object that a word of the registry stands for, in doubt or not. */
static inline void *weak_set_object(uintptr_t word)
{
    if ((word & 1) == 0)
        return (void *)word;
    if ((word & 3) == 3)
        return weak_set_staying(word);
    return (void *)(load_relaxed((atomic_word *)(word & ~(uintptr_t)1)) & TRIE_ADDRESS);
}

/* Restores the entry of an object that has survived, and gives the object back; or evicts it: NULL. */
static inline void *weak_set_settle(uintptr_t doubted, bool (*survived)(const void *object))
{
    return trie_settle((atomic_word *)(doubted & ~(uintptr_t)1), survived);
}

#endif
