/* SPDX-License-Identifier: MIT */
/* A concurrent hash-trie of weak words.
 *
 * Shape. One wide root of lines; a line is one cache line of eight words. The low bits of a hash choose the line, its
 * top sixteen bits stand as a tag in the word, the rest of the word is the object's address: a lookup touches the line
 * and the object, nothing else. Three more bits name the word where an entry stands if it can, and where a lookup looks
 * first, so that the processor can fetch the object before it has compared anything. Where nine entries meet in a line,
 * its last word becomes a link to a further line. The root grows and shrinks in place, a line at a time, by linear
 * hashing (Litwin 1980): lines [0, half) always exist, `split` of them have been split into a second line half further
 * up. Its address never changes once the table has outgrown the first pages, so nothing is copied, and no line is ever
 * freed while the trie lives.
 *
 * Words. 0: empty. Bit 1: link. Else tag | address, and bit 0: tentative, that is, the collection that runs has
 * found the object unmarked and has not settled yet whether it survives. The trie does not keep its objects alive.
 *
 * Guarantees.
 *  (a) A hit takes no lock, writes nothing, and is valid wherever and whenever it is found: the object was alive when
 *      the word was read a second time, with its true address in a register by then. It needs one stable read.
 *  (b) A miss is proved by the version of the hash's stripe, equal before and after the search. It waits only for
 *      writers of this stripe, which hold it for some tens of nanoseconds.
 *  (c) A writer owns the stripe by making its version odd, from exactly the value under which it searched: what it
 *      did not find then is not there now. It neither allocates nor waits meanwhile, nor calls anybody but
 *      to tell the collector of a write.
 *  (d) An entry is moved with its object held from before the copy until after the erasure: a word of a dead object
 *      stands in one place. A tentative word is never moved.
 *  (e) Eviction is the settling step's store of 0 over the tentative word, which nobody else changes. It takes no lock.
 *
 * The caller waits for the collector, never the trie while it owns anything. */
#ifndef HAPAX_TRIE_H
#define HAPAX_TRIE_H

#include "trie/layout.h"

typedef bool trie_equal(const void *object, const void *key);

/* Fills in an empty trie, part of a scanned object. The region, zeroed, lives as long as whoever frees it with
 * trie_region_free; it may be set later, before the first insert. False with ENOMEM. */
bool trie_init(struct trie *trie, struct trie_region *region);
void trie_region_free(struct trie_region *region);

/* The object that equals the key, or NULL with a ticket for trie_insert. `equal` is called with objects of the trie
 * that have the key's tag. The caller owns nothing, and `equal` may be a user's. */
void *trie_find(struct trie *trie, uint64_t hash, trie_equal *equal, const void *key, uint64_t *ticket);

enum trie_outcome {
    TRIE_DONE,
    TRIE_CHANGED,               /* something else has come since the search: search again */
    TRIE_CROWDED,               /* no further line at hand: trie_make_room, then search again */
    TRIE_UNSETTLED,             /* an entry that would have to move is in doubt: collector_wait, then search again */
};
/* Publishes the object, whose hash stands in it, where the search that gave the ticket did not find its equal. Where it
 * does, it stores the object in *announced as well, when nothing can fail any more and just before others can find it. */
enum trie_outcome trie_insert(struct trie *trie, struct trie_object *object, uint64_t ticket, atomic_word *announced);
bool trie_make_room(struct trie *trie);

/* Takes out the entry of an object that the caller holds, and that nobody is to find any more. The caller owns nothing. */
void trie_remove(struct trie *trie, struct trie_object *object);

/* Begins to grow where about `count` entries are too many for the root. Inserts then do the work, with trie_help. */
void trie_consider_growth(struct trie *trie, uint64_t count);
void trie_help(struct trie *trie);
static inline bool trie_wants_help(struct trie *trie)
{
    return load_relaxed(&trie->resizing);
}
/* Takes a root that is far too wide for `count` entries together, and gives its memory back. */
void trie_shrink(struct trie *trie, uint64_t count);

/* The steps of a collection. trie_doubt, at mark_end: turns the entry of this object tentative and answers its place,
 * or NULL where the trie has none. trie_settle, at reclaim_end: restores or evicts; answers the object that survived,
 * or NULL. */
atomic_word *trie_doubt(struct trie *trie, struct trie_object *object);
void *trie_settle(atomic_word *place, bool (*survived)(const void *object));

struct trie_size {
    uint64_t slots, levels, bytes;
};
void trie_measure(struct trie *trie, struct trie_size *size);

/* Around a fork: no stripe is owned. */
void trie_fork_prepare(void);
void trie_fork_parent(void);
void trie_fork_child(void);

/* ---- The way of a hit ---- */

static inline struct trie_line *trie_first_line(struct trie *trie, uint64_t hash)
{
    /* Acquire: lines this mask reaches are there. The root's address is loaded after it, for the same reason. */
    uint64_t mask = load_acquire(&trie->mask);
    return load_acquire(&trie->lines) + (hash & mask);
}

/* The object at this place where it equals the key, or NULL, which says nothing. */
static inline __attribute__((always_inline)) void *trie_look_at(atomic_word *place, uint64_t hash, trie_equal *equal,
                                                                const void *key)
{
    uintptr_t word = load_relaxed(place);
    if (unlikely(!trie_is_candidate(word, hash)))
        return NULL;
    void *object = trie_strong(place, word);
    return likely(object != NULL && equal(object, key)) ? object : NULL;
}

/* Where most objects have their word: a place for trie_look_at, and to be fetched ahead of it. */
static inline atomic_word *trie_favourite_place(struct trie *trie, uint64_t hash)
{
    return &trie_first_line(trie, hash)->words[trie_favourite(hash)];
}

/* Looks at the whole line, where nearly all objects are. NULL says nothing. */
static inline __attribute__((always_inline)) void *trie_find_quickly(struct trie *trie, uint64_t hash,
                                                                     trie_equal *equal, const void *key)
{
    struct trie_line *line = trie_first_line(trie, hash);
    for (uint32_t match = line_match(line, hash); match != 0; match &= match - 1) {
        void *object = trie_look_at(&line->words[(unsigned)__builtin_ctz(match) / 4], hash, equal, key);
        if (likely(object != NULL))
            return object;
    }
    return NULL;
}

/* Without a branch, for many at a time: the first word of the line that may hold the entry, or any, where none does. Has the
 * processor fetch its object. */
static inline atomic_word *trie_likely_place(struct trie_line *line, uint64_t hash)
{
    uint32_t match = line_match(line, hash) | UINT32_C(1) << 31;
    atomic_word *place = &line->words[(unsigned)__builtin_ctz(match) / 4];
    const char *object = (const char *)(load_relaxed(place) & TRIE_ADDRESS);
    __builtin_prefetch(object);
    __builtin_prefetch(object + CACHE_LINE / 2);
    return place;
}

#endif
