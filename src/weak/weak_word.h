/* SPDX-License-Identifier: MIT */
/* The weak word of an address that may lie anywhere in its object: a word in memory that the collector does not search.
 *
 *     the address     undisguised: loading it makes a strong pointer, in one instruction
 *     | TENTATIVE     the collection that runs has found the object unmarked, and has not settled yet
 *     0               dead
 *
 * Readers go by the epoch (epoch.h). Beside the word stands the base of the object; NULL for static data, which never
 * dies. */
#ifndef HAPAX_WEAK_WORD_H
#define HAPAX_WEAK_WORD_H

#include "base/sync.h"
#include "cleanup/finalizer.h"
#include "collector/collector.h"
#include "collector/epoch.h"

/* Addresses may be odd, but none of a user's has this bit. */
#define WEAK_WORD_TENTATIVE ((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1))

/* By its mark alone. NULL stands for what never dies. */
static inline bool weak_word_base_lives(const void *base)
{
    return base == NULL || collector_lives(base);
}

/* The address as a strong pointer, or NULL. If a collection has found the object dead, waits until that is settled.
 * *base is read only while the word is not 0. The thread is known. */
void *weak_word_value_slowly(atomic_word *word, const void *const *base);

static inline void *weak_word_value(atomic_word *word, const void *const *base)
{
    uint64_t decided = epoch_decided();
    uintptr_t seen = load_acquire(word);    /* acquire: pairs with weak_word_settle */
    void *value = (void *)seen;
    if (likely(epoch_holds(decided, &value) && (seen & WEAK_WORD_TENTATIVE) == 0))
        return value;
    return weak_word_value_slowly(word, base);
}

/* decide: before the entry that leads to the word turns tentative. */
static inline void weak_word_doubt(atomic_word *word)
{
    uintptr_t seen = load_relaxed(word);
    if (seen != 0)
        store_release(word, seen | WEAK_WORD_TENTATIVE); /* release: a thread that sees a later store sees this one */
}

/* reclaim_end: whether weak pointers to the object with this base stay valid. They do not if the object waits for its
 * finalizer. */
static inline bool weak_word_settle(atomic_word *word, const void *base)
{
    uintptr_t seen = load_relaxed(word);
    if (seen == 0)
        return false;
    bool lives = collector_survived(base) && !finalizer_condemned(base);
    /* Nobody else writes a tentative word. Release: pairs with the load of a reader that finds it settled. */
    store_release(word, lives ? seen & ~WEAK_WORD_TENTATIVE : 0);
    return lives;
}

#endif
