/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie/trie.h"

#include "collector/collector.h"
#include "trie/lines.h"
#include "trie/nodes.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

void trie_init(struct trie *trie, struct trie_outside *outside)
{
    static atomic_uint made;
    trie->stripe = (unsigned char)(add_relaxed(&made, 1u) * 37 % STRIPES);
    trie->outside = outside;
    store_relaxed(&trie->shape, SHAPE(1, UINT64_C(0)));
    store_relaxed(&trie->shapes, &trie->shape);
    store_relaxed(&trie->roots[0], &trie->first);
    store_relaxed(&trie->roots[1], &trie->first);
    store_relaxed(&trie->lines, &trie->first);
    trie->lives = collector_is_marked;
}

/* ---- Searching and inserting ---- */

/* False: an entry that may be the one is in doubt. */
static inline bool search(struct trie *trie, struct trie_line *home, uint64_t hash, trie_equal *equal, const void *key,
                          void **found)
{
    *found = NULL;
    for (struct trie_line *line = home; line != NULL; line = next_line(line, hash)) {
        for (uint32_t match = line_match(line, hash); match != 0; match &= match - 1) {
            atomic_word *place = &line->words[(unsigned)__builtin_ctz(match) / 4];
            uintptr_t word;
            void *object;
            enum trie_reading reading = trie_read(trie, place, &word, &object);
            if (reading == TRIE_NOTHING || ((word ^ trie_tag(hash)) & TRIE_TAG) != 0)
                continue;
            if (reading == TRIE_IN_DOUBT)
                return false;
            if (equal(object, key)) {
                *found = object;
                return true;
            }
        }
    }
    return true;
}

/* A ticket names the stripe that was searched under, and its version: a trie gets more stripes as it grows. */
#define TICKET_STRIPE_SHIFT 56

void *trie_find(struct trie *trie, uint64_t hash, trie_equal *equal, const void *key, uint64_t *ticket)
{
    for (unsigned turns = 0;;) {
        unsigned mask = stripe_mask_of(trie), stripe = stripe_of(trie, hash, mask);
        atomic_count *version = &trie_stripes[stripe].version;
        /* Acquire: what was written under earlier versions is seen, and so whether the stripe is still the hash's. */
        uint64_t before = load_acquire(version);
        if (unlikely((before & 1) != 0 || stripe_mask_of(trie) != mask)) {
            sync_wait_step(&turns);
            continue;
        }
        void *found;
        if (!search(trie, home_line(trie, hash, mask), hash, equal, key, &found)) {
            add_relaxed(&trie->waited, 1u);
            collector_wait();
            continue;
        }
        if (found != NULL)
            return found;
        if (load_acquire(version) == before) {
            *ticket = (uint64_t)stripe << TICKET_STRIPE_SHIFT | before;
            return NULL;
        }
    }
}

enum trie_outcome trie_insert(struct trie *trie, struct trie_object *object, uint64_t ticket, atomic_word *announced)
{
    uint64_t hash = object->hash;
    atomic_count *version = &trie_stripes[ticket >> TICKET_STRIPE_SHIFT].version;
    if (unlikely(!own_stripe(version, ticket & ((UINT64_C(1) << TICKET_STRIPE_SHIFT) - 1))))
        return TRIE_CHANGED;
    struct trie_line *home = home_line(trie, hash, stripe_mask_of(trie));
    atomic_word *place = empty_place(home, hash);
    enum step step = likely(place != NULL) ? STEP_DONE : trie_place(trie, home, hash, &place);
    if (unlikely(step != STEP_DONE)) {
        leave_stripe_unchanged(version);
        return step == STEP_MORE_NODES ? TRIE_CROWDED : TRIE_UNSETTLED;
    }
    /* Release, both: publish the object's contents. */
    store_release(announced, (uintptr_t)object);
    store_release(place, entry_of(object, hash));
    if (unlikely(is_link(last_word(home))))
        trie_drop_empty_nodes(trie, home, hash);
    leave_stripe(version);
    return TRIE_DONE;
}

/* ---- The steps of a collection ---- */

static atomic_word *find_place(struct trie_line *home, uint64_t hash, uintptr_t entry)
{
    atomic_word *favourite = &home->words[trie_favourite(hash)];
    if (likely(load_relaxed(favourite) == entry))
        return favourite;
    for (struct trie_line *line = home; line != NULL; line = next_line(line, hash))
        for (unsigned i = 0; i < LINE_WORDS; i++)
            if (load_relaxed(&line->words[i]) == entry)
                return &line->words[i];
    return NULL;
}

void trie_remove(struct trie *trie, struct trie_object *object)
{
    uint64_t hash = object->hash;
    atomic_count *version = trie_own_stripe_of(trie, hash);
    /* Held, it is not in doubt, and nobody moves it while the stripe is owned. */
    atomic_word *place = find_place(home_line(trie, hash, stripe_mask_of(trie)), hash, entry_of(object, hash));
    if (place != NULL)
        store_relaxed(place, (uintptr_t)0);     /* leaving the stripe releases it */
    leave_stripe(version);
}

/* A thread that forks owns all stripes, and changes nothing. */
static atomic_bool forks;

/* The version of a stripe under which trie_doubt searches. No thread moves the entry it searches for; but a search that
 * runs while a thread moves other entries of the line may miss it. */
struct view {
    atomic_count *version;
    uint64_t before;
};

/* Waits until no thread changes lines of this hash. The owner of a stripe never waits for a collection, with one
 * exception: a thread that forks does, and it changes nothing. */
static struct view begin_view(struct trie *trie, uint64_t hash, unsigned *mask)
{
    for (unsigned turns = 0;; sync_wait_step(&turns)) {
        *mask = stripe_mask_of(trie);
        struct view view = {&trie_stripes[stripe_of(trie, hash, *mask)].version, 0};
        /* Acquire: what was written under earlier versions is seen, and so whether the stripe is still the hash's. */
        view.before = load_acquire(view.version);
        bool rests = (view.before & 1) == 0 || load_acquire(&forks);    /* acquire: the version is that of the fork */
        if (rests && load_acquire(view.version) == view.before && stripe_mask_of(trie) == *mask)
            return view;
    }
}

atomic_word *trie_doubt(struct trie *trie, struct trie_object *object)
{
    uint64_t hash = object->hash;
    uintptr_t entry = entry_of(object, hash);
    for (;;) {
        unsigned mask;
        struct view view = begin_view(trie, hash, &mask);
        atomic_word *place = find_place(home_line(trie, hash, mask), hash, entry);
        if (likely(place != NULL)) {
            /* A thread that would move the entry looks at the object's mark first, so it is still there. Release: a
             * thread that sees a later store of this collection sees this one, too. */
            store_release(place, entry | TRIE_TENTATIVE);
            return place;
        }
        if (load_acquire(view.version) == view.before)
            return NULL;
    }
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

/* ---- Around a fork ---- */

void trie_fork_prepare(void)
{
    for (unsigned i = 0; i < STRIPES; i++)
        trie_wait_and_own_stripe(&trie_stripes[i].version);
    trie_fork_own_nodes();
    store_release(&forks, true);    /* release: all are owned */
}

void trie_fork_done(void)
{
    store_release(&forks, false);
    trie_fork_leave_nodes();
    for (unsigned i = 0; i < STRIPES; i++)
        leave_stripe(&trie_stripes[i].version);
}

/* ---- Measuring ---- */

/* The longest way down from a line; counts the line as the first. A list is as long as it is. */
static uint64_t depth_of(const struct trie_line *line)
{
    uint64_t depth = 1;
    for (uintptr_t word; is_link(word = last_word(line)); depth++) {
        const struct trie_line *low = &node_of(word)->lines[0], *high = &node_of(word)->lines[1];
        bool low_is_last = !is_link(last_word(low));
        if (!low_is_last && is_link(last_word(high))) {
            uint64_t below_low = depth_of(low), below_high = depth_of(high);
            return depth + (below_low > below_high ? below_low : below_high);
        }
        line = low_is_last ? high : low;
    }
    return depth;
}

/* How many lines the stripe has at its shape; a small trie's has them all. */
static uint64_t lines_of_shape(uint64_t shape, unsigned stripes)
{
    uint64_t half = shape_half(shape), split = shape_split(shape);
    return stripes == 1 ? half + split : half / stripes + (split >> SMALL_LOG << RUN_LOG) + split % RUN;
}

/* Lines on the way from one to a link are not moved while the stripe is owned. */
static void measure_line(struct trie *trie, uint64_t hash, uint64_t *levels)
{
    if (likely(!is_link(last_word(home_line(trie, hash, stripe_mask_of(trie))))))
        return;
    atomic_count *version = trie_own_stripe_of(trie, hash);
    uint64_t depth = depth_of(home_line(trie, hash, stripe_mask_of(trie)));
    leave_stripe_unchanged(version);
    if (depth > *levels)
        *levels = depth;
}

void trie_measure(struct trie *trie, struct trie_size *size)
{
    unsigned stripes = stripe_mask_of(trie) + 1;
    uint64_t lines = 0, most = UINT64_C(1) << load_acquire(&trie->level), levels = 1;
    for (unsigned stripe = 0; stripe < stripes; stripe++)
        lines += lines_of_shape(load_acquire(&load_acquire(&trie->shapes)[stripe]), stripes);
    for (uint64_t line = 0; line < most; line++)
        measure_line(trie, line, &levels);
    uint64_t nodes = trie_nodes_used(trie);
    size->slots = (lines + 2 * nodes) * LINE_WORDS;
    size->levels = levels;
    size->bytes = (lines + 2 * nodes) * LINE_BYTES;
}
