/* SPDX-License-Identifier: MIT */
/* A concurrent hash-trie of weak words.
 *
 * Shape. A trie is made of lines, each one cache line of eight words. Its root is one wide array of them. The low bits
 * of a hash choose the line. A word holds the top sixteen bits of the hash as a tag, and the object's address. So a
 * lookup touches only the line and the object. Three more bits name the favourite word: an entry is stored there if it
 * is free, and a lookup looks there first, so that the processor can fetch the object before it has compared anything.
 * If a line overflows, it becomes a level of the trie: its last word links to two lines below it. The highest bit of
 * the hash in which the entries of the line differ chooses one of the two. Only entries that agree in all 64 bits are
 * in a list.
 *
 * Growth. The root has 2^level lines. It grows by linear hashing (Litwin 1980): one line after the other is split into
 * itself and one half the root further up. Each stripe of the trie, a lock that owns every 64th run of eight lines,
 * keeps its own account of how far it has split its lines, and the thread that owns it splits the next ones. So no
 * thread waits until another has finished its part, and a fork finds nothing halfway. A small trie has one line, in its
 * own memory, and one stripe; its lines move into a root of twice the size as they are split. A large root doubles in
 * place, as long as its region has room, and then moves out in the same way (root.h). Merging goes back, in place, by
 * the same account. No line that a reader may have found is ever unmapped while the trie lives.
 *
 * Words. 0: empty. Bit 1: link. Else tag | address, and bit 0: tentative, that is, the collection that runs has found
 * the object unmarked and has not settled yet whether it survives. The collection finds that out while the world runs;
 * readers go by the epoch (epoch.h). The trie does not keep its objects alive.
 *
 * Guarantees.
 *  (a) A hit takes no lock, writes nothing, and is valid wherever and whenever it is found: the object was alive when
 *      the epoch was read a second time, with its true address in a register by then. While a collection decides, a hit
 *      counts itself among those who look, and looks at the object's mark. It waits for nothing.
 *  (b) A miss is proved by the version of the hash's stripe, equal before and after the search. It waits only for
 *      writers of this stripe, which hold it for some tens of nanoseconds, or hundreds where they split lines.
 *  (c) A writer owns the stripe by making its version odd, from exactly the value under which it searched: what it
 *      did not find then is not there now. It neither allocates nor waits meanwhile, nor calls anybody but
 *      to tell the collector of a write, or to give memory back to the system.
 *  (d) An entry is moved with its object held from before the copy until after the erasure: a word of a dead object
 *      stands in one place. A tentative word is never moved; nor, while a collection decides, is one whose object is
 *      unmarked, since the collection looks for it. An entry that a stripe's account does not lead to stands where it
 *      will lead to when the step that runs has ended: one of two lines at any time.
 *  (e) Eviction is the settling step's store of 0 over the tentative word, which nobody else changes. It takes no lock.
 *
 * Where words are read: trie_look_at (a quick hit), trie_read (a search, what moves). Where they are moved:
 * trie_split_line, trie_move_entries, pull_up, append_node. Where they are doubted and settled: trie_doubt,
 * trie_settle.
 *
 * The caller waits for the collector, never the trie while it owns anything. */
#ifndef HAPAX_TRIE_H
#define HAPAX_TRIE_H

#include "trie/layout.h"

typedef bool trie_equal(const void *object, const void *key);

/* Fills in an empty trie, zeroed and part of a scanned object. What is outside lives until trie_free_outside
 * (root.h). */
void trie_init(struct trie *trie, struct trie_outside *outside);

/* The object that equals the key, or NULL with a ticket for trie_insert. `equal` is called with objects of the trie
 * that have the key's tag. The caller owns nothing, and `equal` may be a user's. */
void *trie_find(struct trie *trie, uint64_t hash, trie_equal *equal, const void *key, uint64_t *ticket);

enum trie_outcome {
    TRIE_DONE,
    TRIE_CHANGED,               /* something else has come since the search: search again */
    TRIE_CROWDED,               /* a line is full: trie_make_room, then search again */
    TRIE_UNSETTLED,             /* an entry that would have to move is in doubt: collector_wait, then search again */
};
/* Publishes the object, whose hash stands in it, where the search that gave the ticket did not find its equal. Where it
 * does, it stores the object in *announced as well, when nothing can fail any more and just before others can find
 * it. */
enum trie_outcome trie_insert(struct trie *trie, struct trie_object *object, uint64_t ticket, atomic_word *announced);
/* Makes room where a line is full in a trie of about `count` entries; false with ENOMEM. Allocates. */
bool trie_make_room(struct trie *trie, uint64_t count);

/* Takes out the entry of an object that the caller holds, and that nobody is to find any more. The caller owns
 * nothing. */
void trie_remove(struct trie *trie, struct trie_object *object);

/* Begins to grow where about `count` entries are too many for the root. Allocates. Inserts then do the work: trie_help
 * splits lines of the hash's stripe. Answers whether any were left. */
void trie_consider_growth(struct trie *trie, uint64_t count);
bool trie_help(struct trie *trie, uint64_t hash);
static inline bool trie_wants_help(struct trie *trie)
{
    return load_relaxed(&trie->movement) == TRIE_GROWS;
}
/* A root that can shrink: somebody should call trie_shrink after its objects have died. */
static inline bool trie_is_large(struct trie *trie)
{
    return load_relaxed(&trie->stripe_mask) != 0;
}
/* Takes a root that is far too wide for `count` entries together, and gives its memory back. */
void trie_shrink(struct trie *trie, uint64_t count);

/* The steps of a collection. trie_doubt, while it decides: turns the entry of this unmarked object tentative and
 * answers its place, or NULL where the trie has none. It may wait for the owner of a stripe. trie_settle, at
 * reclaim_end: restores or evicts; answers the object that survived, or NULL. */
atomic_word *trie_doubt(struct trie *trie, struct trie_object *object);
void *trie_settle(atomic_word *place, bool (*survived)(const void *object));

struct trie_size {
    uint64_t slots, levels, bytes;
};
void trie_measure(struct trie *trie, struct trie_size *size);

/* Around a fork: no stripe is owned. */
void trie_fork_prepare(void);
void trie_fork_done(void);       /* in both processes */

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
    uint64_t decided = epoch_decided();
    /* What is left of an entry with the tag that is not tentative is the address. Acquire: as in trie_read. */
    uintptr_t left = load_acquire(place) ^ trie_tag(hash);
    if (unlikely((left & (TRIE_TAG | TRIE_FLAGS)) != 0))
        return NULL;
    void *object = (void *)left;
    if (unlikely(!epoch_holds(decided, &object)))
        return NULL;
    if (object == NULL)
        __builtin_unreachable(); /* no entry has that address */
    return likely(equal(object, key)) ? object : NULL;
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

/* Without a branch, for many at a time: the first word of the line that may hold the entry, or any, where none does.
 * Has the processor fetch its object. */
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
