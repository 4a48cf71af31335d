/* SPDX-License-Identifier: MIT */
/* How weak words are read while a collection decides about them beside the running program.
 *
 * A weak word holds the address of an object without keeping it alive. The collector has found out which objects are dead
 * when its marking ends, with the world stopped. There, nothing is done but to count `begun` up: one store, however many
 * words there are. Then the world runs again, and the collection goes through all weak words before anything is swept: those
 * of unmarked objects turn tentative. At the end of that it sets `decided` to `begun`. As long as the two differ, a word
 * that is not tentative says nothing about its object.
 *
 * A reader loads `decided`, the word, brings the object's address into a register, and loads `begun`. Where the two are equal,
 * the address is a strong pointer:
 *   - if a stop fell before the word was loaded, it had been decided about before, too, or the two would differ: the word of
 *     a dead object was tentative by then;
 *   - if it fell after the address was in a register, the collector has searched that register;
 *   - if it fell in between, the two differ.
 * It takes both: a reader who compared them before the load alone would miss a stop that comes between the load and the
 * register; one who did so afterwards alone would miss a whole collection there.
 *
 * A reader who finds that they differ may look at the mark itself. While somebody looks, the collection must not sweep,
 * which frees the collector's own books of the marks; so a reader counts itself among those who look before it
 * makes sure that nothing is decided yet, and the collection, once it has decided, waits until nobody looks. Each
 * writes first and then reads what the other writes, in one order: one of them sees the other. Who looks waits for nothing.
 *
 * A mark that the collection sets for its own sake, to keep the memory of something dead until it is settled, comes after
 * the word has turned tentative: who has seen a mark makes sure that the word is the same still. */
#ifndef HAPAX_EPOCH_H
#define HAPAX_EPOCH_H

#include "base/sync.h"

/* Read by every lookup, written twice in a collection. */
struct epoch {
    _Alignas(CACHE_LINE) atomic_count begun;    /* collections whose marking has ended */
    atomic_count decided;                       /* those that have decided about every weak word */
};
extern struct epoch epoch __attribute__((visibility("hidden")));

/* ---- Readers ---- */

/* Before the word is loaded. Acquire: the word is not older, so what was decided is seen in it. */
static inline uint64_t epoch_decided(void)
{
    return load_acquire(&epoch.decided);
}

/* Whether the address, which came from a word that was loaded after `decided`, is a strong pointer. The compiler holds it in a
 * register, and loads `begun` after that. Relaxed: what matters is which instruction the thread was stopped at. */
static inline bool epoch_holds(uint64_t decided, void **address)
{
    __asm__ volatile("" : "+r"(*address), "+m"(epoch.begun));
    return likely(load_relaxed(&epoch.begun) == decided);
}

enum epoch_answer {
    EPOCH_AGAIN,    /* it is decided, or the word has changed: read it again */
    EPOCH_LIVES,    /* the address that the word holds is a strong pointer, if the caller keeps it in a register */
    EPOCH_WAIT,     /* the object is unmarked: collector_wait, then read again */
};
/* Looks at the mark, where epoch_holds has answered false. The word is not tentative and was read from this place, and its
 * address is in a register of the caller's. `lives` answers, by marks alone, whether what the word's life hangs on lives. */
enum epoch_answer epoch_look(atomic_word *place, uintptr_t word, const void *subject, bool (*lives)(const void *subject));

/* ---- A collection ---- */

/* mark_end. */
void epoch_begin(void);
/* decide: every word is decided about. Returns when nobody looks any more. */
void epoch_end(void);
/* Between a word that has turned tentative and a mark that keeps the memory of what is dead. */
static inline void epoch_before_mark(void)
{
    fence_release();
}

/* In the child of a fork: of those who looked, none is left. */
void epoch_fork_child(void);

#endif
