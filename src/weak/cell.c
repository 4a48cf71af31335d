/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/weak.h>

#include "weak/cell.h"

#include "base/hash.h"
#include "base/refuse.h"
#include "collector/collector.h"
#include "runtime/place.h"
#include "runtime/thread.h"
#include "weak/weak_set.h"
#include "weak/weak_word.h"

#include <errno.h>

/* The one cell of an address inside a living object. Plain memory: nothing in it keeps the object alive. Once the
 * object is dead, nobody finds the cell again: a new object at the same address gets a new one. */
struct hapax_weak_cell {
    struct trie_object in_trie;
    atomic_word word;       /* see weak_word.h */
    union {
        const void *base;   /* of the object; NULL: static data, which never dies */
        struct hapax_weak_cell *next;   /* DEAD: of those that are to leave the trie */
    };
    _Atomic enum {
        FOUND,              /* in the trie */
        DEAD,               /* the same, but its object is dead: kept until it has left the trie */
        LEFT,               /* the registry alone knows it, until nobody holds it */
    } stage;
};

/* In root memory of the collector: the trie's roots and nodes are collected. */
struct weak_set *_Atomic weak_cells;

/* ---- Cells that outlive their objects ---- */

/* A new object at the same address has the same hash: cells of dead ones would be in its way for as long as somebody
 * holds them. So they leave the trie soon after the collection that has found their objects dead. Changed by
 * collections, and while none can run. */
static struct hapax_weak_cell *_Atomic dead_cells;

/* reclaim_end. */
static void put_dead(struct hapax_weak_cell *cell)
{
    store_relaxed(&cell->stage, DEAD);
    cell->next = load_relaxed(&dead_cells);
    store_relaxed(&dead_cells, cell);
}

static void take_dead(void *taken)
{
    struct hapax_weak_cell *cell = load_relaxed(&dead_cells);
    if (cell != NULL)
        store_relaxed(&dead_cells, cell->next);
    *(struct hapax_weak_cell **)taken = cell;
}

/* Takes one out of the trie; false: there is none. The caller owns nothing. */
static bool remove_dead(struct weak_set *set)
{
    if (likely(load_relaxed(&dead_cells) == NULL))
        return false;
    struct hapax_weak_cell *cell;
    collector_exclude(take_dead, &cell);
    if (cell == NULL)
        return false;
    trie_remove(&set->trie, &cell->in_trie);
    store_relaxed(&cell->stage, LEFT);
    keep_reachable(cell);
    return true;
}

static void care(void *set)
{
    while (remove_dead(set))
        ;
    weak_set_care(set);
}

/* ---- A collection ---- */

/* A cell lives as long as its object does, even if nothing holds the cell. Where the object is dead already: until
 * nobody holds it. */
static const void *subject(void *object)
{
    struct hapax_weak_cell *cell = object;
    if (load_relaxed(&cell->word) == 0)
        return cell;
    if (cell->base != NULL && !collector_lives(cell->base))
        return cell->base;
    collector_mark(cell);
    return NULL;
}

/* A cell whose object lives will be marked, if it is not yet. */
static bool lives(const void *object)
{
    struct hapax_weak_cell *cell = (struct hapax_weak_cell *)(uintptr_t)object;
    uintptr_t word = load_relaxed(&cell->word);
    if (word == 0 || (word & WEAK_WORD_TENTATIVE) != 0)
        return collector_is_marked(cell);
    return weak_word_base_lives(cell->base);
}

/* A cell that another thread holds stays where it is: that thread may be moving its entry inside the trie. */
static uintptr_t doubt(void *context, void *object)
{
    struct hapax_weak_cell *cell = object;
    weak_word_doubt(&cell->word);
    if (load_relaxed(&cell->stage) == LEFT || collector_is_marked(cell))
        return weak_set_stays(cell);
    bool stays = load_relaxed(&cell->stage) == DEAD;
    uintptr_t doubted = stays ? weak_set_stays(cell) : weak_set_doubt(context, &cell->in_trie);
    epoch_before_mark();
    collector_mark(cell); /* its memory, until it is settled */
    return doubted;
}

static bool survived(const void *object)
{
    struct hapax_weak_cell *cell = (struct hapax_weak_cell *)(uintptr_t)object;
    return weak_word_settle(&cell->word, cell->base);
}

static void *settle(void *context, uintptr_t doubted)
{
    (void)context;
    struct hapax_weak_cell *held = weak_set_staying(doubted);
    if (held == NULL)
        return weak_set_settle(doubted, survived);
    if (!collector_survived(held))
        return NULL;
    if (!survived(held) && load_relaxed(&held->stage) == FOUND)
        put_dead(held);
    return held;
}

/* One whose object lives does, too. */
static bool describe(void *context, const void *object, struct registry_description *description)
{
    const struct hapax_weak_cell *cell = object;
    (void)context;
    *description = (struct registry_description){.what = "weak pointer"};
    return load_relaxed(&cell->word) == 0 || (cell->base != NULL && !collector_lives(cell->base));
}

static const struct registry_kind cells = {
    .describe = describe,
    .lives = lives, .subject = subject, .doubt = doubt, .prefetch = weak_set_prefetch, .settle = settle, .care = care};

/* ---- The table of cells ---- */

static struct weak_set *new_cells(void)
{
    struct weak_set *set = collector_alloc_root(sizeof *set);
    if (set == NULL || weak_set_init(set, &cells, NULL, NULL))
        return set;
    collector_free_root(set);
    return NULL;
}

static struct weak_set *the_cells(void)
{
    struct weak_set *set = load_acquire(&weak_cells); /* acquire: it is filled in */
    if (likely(set != NULL))
        return set;
    int before = errno;
    struct weak_set *fresh = new_cells();
    if (fresh == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    /* Release: it is filled in. One that lost the race stays behind, empty: its registry is known to collections. */
    errno = before;
    return cas_acq_rel(&weak_cells, &set, fresh) ? fresh : set;
}

static bool is_cell_of(const void *object, const void *address)
{
    const struct hapax_weak_cell *cell = object;
    /* The caller holds the address, so its cell is not tentative. */
    return load_relaxed(&cell->word) == (uintptr_t)address;
}

uint64_t weak_count(void)
{
    struct weak_set *set = load_acquire(&weak_cells);
    return set != NULL ? registry_count(set->registry) : 0;
}

/* ---- The public functions ---- */

static hapax_weak make(struct thread *self, struct weak_set *set, const void *pointer, uint64_t hash,
                       uint64_t ticket)
{
    void *base;
    if (memory_place(pointer, &base) == MEMORY_FOREIGN) {
        refuse(EINVAL, "hapax_weak_make", "the pointer points neither to collected memory nor to static data");
        return NULL;
    }
    /* Where no thread of ours cares, more leave than come. */
    if (remove_dead(set))
        (void)remove_dead(set);
    struct hapax_weak_cell *cell = thread_alloc_plain(self, sizeof *cell);
    if (cell == NULL)
        return NULL;
    cell->in_trie.hash = hash;
    cell->base = base;
    store_relaxed(&cell->stage, FOUND);
    store_relaxed(&cell->word, (uintptr_t)pointer); /* the trie's release publishes it */
    return weak_set_publish(set, &cell->in_trie, is_cell_of, pointer, ticket);
}

hapax_weak hapax_weak_make(const void *pointer)
{
    if (pointer == NULL)
        return NULL;
    struct thread *self = thread_enter();
    struct weak_set *set = self != NULL ? the_cells() : NULL;
    if (unlikely(set == NULL))
        return NULL;
    uint64_t hash = hash_pointer(pointer), ticket;
    hapax_weak cell = trie_find_quickly(&set->trie, hash, is_cell_of, pointer);
    if (cell == NULL && (cell = trie_find(&set->trie, hash, is_cell_of, pointer, &ticket)) == NULL) {
        int before = errno;
        cell = make(self, set, pointer, hash, ticket);
        if (cell != NULL)
            errno = before;
    }
    keep_reachable(pointer);
    return cell;
}

void *hapax_weak_value(hapax_weak cell)
{
    if (cell == NULL || unlikely(thread_enter() == NULL))
        return NULL;
    return weak_word_value(&cell->word, &cell->base);
}
