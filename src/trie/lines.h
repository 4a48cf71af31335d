/* SPDX-License-Identifier: MIT */
/* The lines of a trie, as its own files see them: which line is a hash's, who owns it, what stands in it, and how entries
 * move from one to another. */
#ifndef HAPAX_TRIE_LINES_H
#define HAPAX_TRIE_LINES_H

#include "trie/layout.h"

enum {
    FIRST_LOG = 6,                          /* the first root has 64 lines, as many as a trie has stripes: a line and
                                             * the one it is split into always have the same stripe */
    FIRST_LINES = 1 << FIRST_LOG,
    FIRST_CHILDREN = FIRST_LINES - 1,       /* with the lines just below two pages of the collector's */
    STRIPES = 256,
    STRIPES_OF_A_TRIE = FIRST_LINES,
    LINE_BYTES = sizeof(struct trie_line),
};

/* ---- Which line ---- */

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

static inline uint64_t home_index(uint64_t shape, uint64_t hash)
{
    uint64_t half = shape_half(shape), low = hash & (half - 1);
    return low < shape_split(shape) ? hash & (2 * half - 1) : low;
}

static inline struct trie_line *home_line(struct trie *trie, uint64_t hash)
{
    /* Acquire: lines of this shape are there. */
    uint64_t shape = load_acquire(&trie->shape);
    return load_acquire(&trie->lines) + home_index(shape, hash);
}

/* ---- What stands in it ---- */

static inline struct trie_line *next_line(const struct trie_line *line)
{
    /* Acquire: a line is linked in after it has been filled. */
    uintptr_t word = load_acquire(&line->words[LINE_WORDS - 1]);
    return word & TRIE_LINK ? (struct trie_line *)(word & TRIE_ADDRESS) : NULL;
}

static inline bool is_entry(uintptr_t word)
{
    return (word & TRIE_TAG) != 0;
}

static inline uintptr_t entry_of(const struct trie_object *object, uint64_t hash)
{
    return (uintptr_t)object | trie_tag(hash);
}

static inline atomic_word *empty_place(struct trie_line *line, uint64_t hash)
{
    atomic_word *favourite = &line->words[trie_favourite(hash)];
    if (load_relaxed(favourite) == 0)
        return favourite;
    for (unsigned i = 0; i < LINE_WORDS; i++)
        if (load_relaxed(&line->words[i]) == 0)
            return &line->words[i];
    return NULL;
}

/* ---- Who owns it ---- */

/* Even: free; odd: a writer owns what hashes to this stripe. Counted up by each writer, so it is also what a search
 * compares to know that nothing came or moved meanwhile. Shared by all tries. */
struct trie_stripe {
    _Alignas(CACHE_LINE) atomic_count version;
};
extern struct trie_stripe trie_stripes[STRIPES];

static inline atomic_count *stripe_of(const struct trie *trie, uint64_t hash)
{
    return &trie_stripes[(trie->stripe + (hash & (STRIPES_OF_A_TRIE - 1))) % STRIPES].version;
}

static inline bool own_stripe(atomic_count *version, uint64_t even)
{
    /* Acquire: what the last owner wrote is seen. Release: the search before comes before. */
    if (!cas_acq_rel(version, &even, even + 1))
        return false;
    /* An exchange does not keep the writes after it from being seen before it. Whoever misses an entry that this owner
     * erases is to find the version changed. */
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

void trie_wait_and_own_stripe(atomic_count *version);
void trie_own_all_stripes(const struct trie *trie);
void trie_leave_all_stripes(const struct trie *trie);

/* Counts the forks that this process descends from: a resizer of an earlier generation is gone. */
extern atomic_uint trie_generation;

/* Protects further lines that are free, in every trie. Held inside a stripe, never the other way round. */
extern spin_lock trie_children_lock;

/* ---- Changing it: the stripe is owned ---- */

/* What a step towards a change still wants, with the stripe given up meanwhile. */
enum step {
    STEP_DONE,
    STEP_UNSETTLED,       /* a word is tentative: after the collection */
    STEP_MORE_HOLD,       /* hold->count objects have to be held */
    STEP_MORE_CHILDREN,
};

/* Where the next entry goes into a chain; a further line is taken where it is full. */
enum step trie_place_in_chain(struct trie *trie, struct trie_line *home, uint64_t hash, atomic_word **place);
/* Takes a further line without entries out of a chain. */
void trie_drop_empty_line(struct trie *trie, struct trie_line *line);

/* Objects that are held while their entries stand in two places; scanned by the collector. */
struct hold {
    void **objects;
    size_t room, count;
    bool is_told;           /* not on the stack: the collector is told of what is written */
};

/* Holds the objects of a chain whose hash has one of the bits (all: 0). */
enum step trie_hold_entries(struct trie_line *line, uint64_t bits, struct hold *hold);
/* Room for as many objects as the last attempt wanted. */
bool trie_hold_more(struct hold *hold, void **on_stack);

/* Moves the entries whose hash has one of the bits (all: 0) from one chain to another. The stripe of both is owned:
 * searches in it wait, so an entry need not be in its new place before it leaves the old one for their sake; for the
 * collector's sake its object is held throughout. */
enum step trie_move_entries(struct trie *trie, struct trie_line *from, struct trie_line *to, uint64_t bits,
                            struct hold *hold);
/* trie_move_entries for a line that has no further ones, as nearly all, into an empty one: once all that moves is held,
 * nothing can fail. */
enum step trie_split_line(struct trie_line *below, struct trie_line *above, uint64_t bit);

#endif
