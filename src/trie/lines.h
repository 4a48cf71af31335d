/* SPDX-License-Identifier: MIT */
/* The lines of a trie, for the files of this folder: which line belongs to a hash, which thread owns it, and how
 * entries move from one to another. */
#ifndef HAPAX_TRIE_LINES_H
#define HAPAX_TRIE_LINES_H

#include "trie/words.h"

/* ---- Which line ---- */

/* The shape of a stripe: log2(2 * half) << 56 | split. Its lines below `split` have been split into one of the same
 * number and one half further up; the others, below half, have not. Where all have been, the stripe has the shape of
 * the next level, none split. */
#define SHAPE(log, split) ((uint64_t)(log) << 56 | (split))

static inline unsigned shape_log(uint64_t shape)
{
    return (unsigned)(shape >> 56);
}

static inline uint64_t shape_split(uint64_t shape)
{
    return shape & ((UINT64_C(1) << 56) - 1);
}

static inline uint64_t shape_half(uint64_t shape)
{
    return UINT64_C(1) << (shape_log(shape) - 1);
}

/* How many stripes there are, less one. Acquire: their shapes are there. */
static inline unsigned stripe_mask_of(struct trie *trie)
{
    return load_acquire(&trie->stripe_mask);
}

static inline atomic_count *shape_of(struct trie *trie, uint64_t hash, unsigned mask)
{
    return load_acquire(&trie->shapes) + ((unsigned)(hash >> RUN_LOG) & mask);   /* acquire: they are filled in */
}

static inline struct trie_line *root_of_level(struct trie *trie, unsigned level)
{
    return load_relaxed(&trie->roots[level & 1]);
}

/* Where a hash stands once its line has been split, and where before. */
static inline struct trie_line *line_when_split(struct trie *trie, uint64_t shape, uint64_t hash)
{
    return root_of_level(trie, shape_log(shape)) + (hash & (2 * shape_half(shape) - 1));
}

static inline struct trie_line *line_before_split(struct trie *trie, uint64_t shape, uint64_t hash)
{
    return root_of_level(trie, shape_log(shape) - 1) + (hash & (shape_half(shape) - 1));
}

static inline struct trie_line *home_line(struct trie *trie, uint64_t hash, unsigned mask)
{
    /* Acquire: the roots and lines of this shape are there. */
    uint64_t shape = load_acquire(shape_of(trie, hash, mask));
    return (hash & (shape_half(shape) - 1)) < shape_split(shape) ? line_when_split(trie, shape, hash)
                                                                 : line_before_split(trie, shape, hash);
}

/* ---- Who owns it ---- */

/* Even: free; odd: a writer owns what hashes to this stripe. Counted up by each writer, so it is also what a search
 * compares to know that nothing came or moved meanwhile. Shared by all tries. */
struct trie_stripe {
    _Alignas(CACHE_LINE) atomic_count version;
};
extern struct trie_stripe trie_stripes[STRIPES];

static inline unsigned stripe_of(const struct trie *trie, uint64_t hash, unsigned mask)
{
    return (trie->stripe + ((unsigned)(hash >> RUN_LOG) & mask)) % STRIPES;
}

static inline bool own_stripe(atomic_count *version, uint64_t even)
{
    /* Acquire: what the last owner wrote is seen. Release: the search before comes before. */
    if (!cas_acq_rel(version, &even, even + 1))
        return false;
    /* An exchange does not keep the writes after it from being seen before it. A thread that misses an entry that this
     * owner erases is to find the version changed. */
    fence_release();
    return true;
}

static inline void leave_stripe(atomic_count *version)
{
    /* Release: searches and owners after it see what was written. */
    store_release(version, load_relaxed(version) + 1);
}

/* Leaves without having changed anything. */
static inline void leave_stripe_unchanged(atomic_count *version)
{
    store_release(version, load_relaxed(version) - 1);
}

/* Waits until the stripe of the hash is owned; answers its version. A thread that owns the first stripe of a trie may
 * change how it moves and where its roots lie, and nobody else. */
atomic_count *trie_own_stripe_of(struct trie *trie, uint64_t hash);
static inline atomic_count *trie_own_first_stripe(struct trie *trie)
{
    return trie_own_stripe_of(trie, 0);
}

/* Waits until this thread owns all stripes of the trie. It must, to change the level: a thread that owns a stripe
 * relies on the level. Returns the mask for trie_leave_stripes. */
unsigned trie_own_all_stripes(struct trie *trie);
void trie_leave_stripes(struct trie *trie, unsigned mask);

/* Waits until this thread owns the stripe. */
void trie_wait_and_own_stripe(atomic_count *version);

/* ---- Changing it: the stripe is owned ---- */

/* What a step towards a change still wants, with the stripe given up meanwhile. */
enum step {
    STEP_DONE,
    STEP_UNSETTLED,       /* a word is in doubt: after the collection */
    STEP_MORE_HOLD,       /* hold->count objects have to be held */
    STEP_MORE_NODES,
};

/* Where the next entry with this hash goes below a line; a node is taken where the way ends in a full line. */
enum step trie_place(struct trie *trie, struct trie_line *home, uint64_t hash, atomic_word **place);
/* Takes nodes without entries out of the way of a hash. */
void trie_drop_empty_nodes(struct trie *trie, struct trie_line *home, uint64_t hash);

/* Calls visit for a line, and for all below it, each before those below it, until it answers false. */
typedef bool trie_visit_line(struct trie_line *line, void *context);
bool trie_each_line(struct trie_line *line, trie_visit_line *visit, void *context);

/* Objects that are held while their entries stand in two places; scanned by the collector. */
struct hold {
    void **objects;
    size_t room, count;
    bool is_told;           /* not on the stack: the collector is told of what is written */
};

/* Holds the objects of a line, and of those below it, whose hash has one of the bits (all: 0). */
enum step trie_hold_entries(struct trie *trie, struct trie_line *line, uint64_t bits, struct hold *hold);
/* Room for as many objects as the last attempt wanted. */
bool trie_hold_more(struct hold *hold, void **on_stack);

/* Moves the entries of a line to `low`, or, where their hash has the bit, to `high`; `from` may be `low`. The stripe of
 * all is owned: searches in it wait, so an entry need not be in its new place before it leaves the old one for their
 * sake; for the collector's sake its object is held throughout. All is moved, or nothing. */
enum step trie_move_entries(struct trie *trie, struct trie_line *from, struct trie_line *low, struct trie_line *high,
                            uint64_t bit, struct hold *hold);
/* The same for lines with none below them, as nearly all, where the two are empty (or `low` is `from`): once all that
 * moves is held, nothing can fail. */
enum step trie_split_line(struct trie *trie, struct trie_line *from, struct trie_line *low, struct trie_line *high,
                          uint64_t bit);

#endif
