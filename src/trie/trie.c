/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie/trie.h"

#include "collector/collector.h"
#include "trie/lines.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

bool trie_init(struct trie *trie, struct trie_region *region)
{
    static atomic_uint made;
    /* Zeroed like all scanned memory; but the collector must not take words for pointers. */
    struct trie_line *lines = collector_alloc_plain((FIRST_LINES + FIRST_CHILDREN) * LINE_BYTES);
    if (lines == NULL) {
        errno = ENOMEM;
        return false;
    }
    assert((uintptr_t)lines % CACHE_LINE == 0);
    memset((void *)lines, 0, (FIRST_LINES + FIRST_CHILDREN) * LINE_BYTES);
    trie->stripe = add_relaxed(&made, 1u) * 37 % STRIPES;
    trie->child_next = lines + FIRST_LINES;
    trie->child_end = trie->child_limit = lines + FIRST_LINES + FIRST_CHILDREN;
    trie->region = region;
    store_relaxed(&trie->shape, SHAPE(FIRST_LOG, FIRST_LINES / 2));
    store_relaxed(&trie->lines, lines);
    store_relaxed(&trie->mask, (uint64_t)FIRST_LINES - 1);
    return true;
}

/* ---- Searching and inserting ---- */

/* False: an entry that may be the one is tentative. */
static bool search(struct trie *trie, uint64_t hash, trie_equal *equal, const void *key, void **found)
{
    *found = NULL;
    for (struct trie_line *line = home_line(trie, hash); line != NULL; line = next_line(line)) {
        for (uint32_t match = line_match(line, hash); match != 0; match &= match - 1) {
            atomic_word *place = &line->words[(unsigned)__builtin_ctz(match) / 4];
            void *object = NULL;
            for (uintptr_t word; object == NULL;) {
                word = load_acquire(place);
                if (!trie_is_candidate(word & ~TRIE_TENTATIVE, hash))
                    break;
                if (word & TRIE_TENTATIVE)
                    return false;
                object = trie_strong(place, word);
            }
            if (object != NULL && equal(object, key)) {
                *found = object;
                return true;
            }
        }
    }
    return true;
}

void *trie_find(struct trie *trie, uint64_t hash, trie_equal *equal, const void *key, uint64_t *ticket)
{
    atomic_count *version = stripe_of(trie, hash);
    for (unsigned turns = 0;;) {
        /* Acquire: what was written under earlier versions is seen. */
        uint64_t before = load_acquire(version);
        if (before & 1) {
            sync_wait_step(&turns);
            continue;
        }
        void *found;
        if (!search(trie, hash, equal, key, &found)) {
            add_relaxed(&trie->waited, 1u);
            collector_wait();
            continue;
        }
        if (found != NULL)
            return found;
        if (load_acquire(version) == before) {
            *ticket = before;
            return NULL;
        }
    }
}

enum trie_outcome trie_insert(struct trie *trie, struct trie_object *object, uint64_t ticket, atomic_word *announced)
{
    uint64_t hash = object->hash;
    atomic_count *version = stripe_of(trie, hash);
    if (unlikely(!own_stripe(version, ticket)))
        return TRIE_CHANGED;
    struct trie_line *home = home_line(trie, hash);
    atomic_word *place = empty_place(home, hash);
    enum step step = likely(place != NULL) ? STEP_DONE : trie_place_in_chain(trie, home, hash, &place);
    if (unlikely(step != STEP_DONE)) {
        leave_stripe_unchanged(version);
        return step == STEP_MORE_CHILDREN ? TRIE_CROWDED : TRIE_UNSETTLED;
    }
    /* Release, both: publish the object's contents. */
    store_release(announced, (uintptr_t)object);
    store_release(place, entry_of(object, hash));
    if (unlikely(next_line(home) != NULL))
        trie_drop_empty_line(trie, home);
    leave_stripe(version);
    return TRIE_DONE;
}

/* ---- The steps of a collection ---- */

static atomic_word *find_place(struct trie_line *line, uintptr_t entry)
{
    for (; line != NULL; line = next_line(line))
        for (unsigned i = 0; i < LINE_WORDS; i++)
            if (load_relaxed(&line->words[i]) == entry)
                return &line->words[i];
    return NULL;
}

void trie_remove(struct trie *trie, struct trie_object *object)
{
    atomic_count *version = stripe_of(trie, object->hash);
    trie_wait_and_own_stripe(version);
    /* Held, it is not in doubt, and nobody moves it while the stripe is owned. */
    atomic_word *place = find_place(home_line(trie, object->hash), entry_of(object, object->hash));
    if (place != NULL)
        store_relaxed(place, (uintptr_t)0);     /* leaving the stripe releases it */
    leave_stripe(version);
}

atomic_word *trie_doubt(struct trie *trie, struct trie_object *object)
{
    uint64_t hash = object->hash, shape = load_relaxed(&trie->shape), half = shape_half(shape);
    struct trie_line *lines = load_relaxed(&trie->lines);
    uintptr_t entry = entry_of(object, hash);
    atomic_word *place = find_place(&lines[home_index(shape, hash)], entry);
    if (place == NULL) {
        /* Its line may have been caught between being split or merged and the change of shape. */
        place = find_place(&lines[hash & (half - 1)], entry);
        if (place == NULL && hash & half)
            place = find_place(&lines[hash & (2 * half - 1)], entry);
    }
    if (place != NULL)
        store_relaxed(place, entry | TRIE_TENTATIVE);   /* the world is stopped */
    return place;
}

void *trie_settle(atomic_word *place, bool (*survived)(const void *object))
{
    uintptr_t word = load_relaxed(place);
    void *object = (void *)(word & TRIE_ADDRESS);
    assert(word & TRIE_TENTATIVE);
    bool lives = survived(object);
    /* Nobody else changes a tentative word. Release: pairs with the search that finds it settled. */
    store_release(place, lives ? word & ~TRIE_TENTATIVE : (uintptr_t)0);
    return lives ? object : NULL;
}

/* ---- Measuring ---- */

void trie_measure(struct trie *trie, struct trie_size *size)
{
    uint64_t shape = load_acquire(&trie->shape), lines = shape_half(shape) + shape_split(shape);
    struct trie_line *root = load_acquire(&trie->lines);
    spin_acquire(&trie_children_lock);
    uint64_t children = trie->children_used;
    spin_release(&trie_children_lock);
    uint64_t levels = 1;
    for (uint64_t i = 0; i < lines; i++) {
        uint64_t level = 1;
        for (struct trie_line *line = &root[i]; (line = next_line(line)) != NULL && level <= children;)
            level++;
        if (level > levels)
            levels = level;
    }
    size->slots = (lines + children) * LINE_WORDS;
    size->levels = levels;
    size->bytes = (lines + children) * LINE_BYTES;
}

/* ---- Around a fork ---- */

void trie_fork_prepare(void)
{
    for (unsigned i = 0; i < STRIPES; i++)
        trie_wait_and_own_stripe(&trie_stripes[i].version);
    spin_acquire(&trie_children_lock);
}

void trie_fork_parent(void)
{
    spin_release(&trie_children_lock);
    for (unsigned i = 0; i < STRIPES; i++)
        leave_stripe(&trie_stripes[i].version);
}

void trie_fork_child(void)
{
    add_relaxed(&trie_generation, 1u);
    trie_fork_parent();
}
