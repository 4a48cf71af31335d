/* SPDX-License-Identifier: MIT */
/* The weak word of an address that may lie anywhere in its object: a word in memory that the collector does not search.
 *
 *     the address     undisguised: loading it makes a strong pointer, in one instruction
 *     | TENTATIVE     the collection that runs has found the object unmarked, and has not settled yet
 *     0               dead
 *
 * A thread is stopped between two instructions: either it had loaded the address, which is then in a register that the
 * collector searches, and the object is marked; or it loads the word afterwards, and finds it tentative. */
#ifndef HAPAX_WEAK_WORD_H
#define HAPAX_WEAK_WORD_H

#include "base/sync.h"
#include "cleanup/finalizer.h"
#include "collector/collector.h"

/* Addresses may be odd, but none of a user's has this bit. */
#define WEAK_WORD_TENTATIVE ((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1))

/* The address as a strong pointer, or NULL. Waits where a collection has not settled it. The thread is known. */
static inline void *weak_word_value(atomic_word *word)
{
    for (;;) {
        uintptr_t seen = load_acquire(word);   /* acquire: pairs with weak_word_settle */
        if (likely((seen & WEAK_WORD_TENTATIVE) == 0))
            return (void *)seen;
        collector_wait();
    }
}

/* mark_end. */
static inline void weak_word_doubt(atomic_word *word)
{
    uintptr_t seen = load_relaxed(word);
    if (seen != 0)
        store_relaxed(word, seen | WEAK_WORD_TENTATIVE);
}

/* reclaim_end: whether the object with this base lives on, for those who hold it weakly: one that waits for its
 * finalizer does not. */
static inline bool weak_word_settle(atomic_word *word, const void *base)
{
    uintptr_t seen = load_relaxed(word);
    if (seen == 0)
        return false;
    bool lives = collector_survived(base) && !finalizer_condemned(base);
    /* Nobody else writes a tentative word. Release: pairs with the load of a reader who finds it settled. */
    store_release(word, lives ? seen & ~WEAK_WORD_TENTATIVE : 0);
    return lives;
}

#endif
