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

/* The one cell of an address inside a living object. Plain memory: nothing in it keeps the object alive. Once the object
 * is dead, nobody finds the cell again: a new object at the same address gets a new one. */
struct hapax_weak_cell {
    struct trie_object in_trie;
    atomic_word word;       /* see weak_word.h */
    const void *base;       /* of the object; NULL: static data, which never dies */
};

/* The cells of all living objects. In root memory of the collector: the trie's first lines are collected. */
static struct weak_set *_Atomic all_cells;

/* ---- A collection ---- */

/* A cell lives as long as its object does, whoever holds it. Where the object is dead already: until nobody holds it. */
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

/* A cell that somebody holds stays in the trie, where nobody finds it. */
static uintptr_t doubt(void *context, void *object)
{
    struct hapax_weak_cell *cell = object;
    weak_word_doubt(&cell->word);
    if (collector_is_marked(cell))
        return weak_set_stays(cell);
    collector_mark(cell); /* its memory, until it is settled */
    return weak_set_doubt(context, &cell->in_trie);
}

static bool survived(const void *object)
{
    struct hapax_weak_cell *cell = (struct hapax_weak_cell *)(uintptr_t)object;
    return weak_word_settle(&cell->word, cell->base);
}

static void *settle(void *context, uintptr_t doubted)
{
    (void)context;
    void *held = weak_set_staying(doubted);
    if (held == NULL)
        return weak_set_settle(doubted, survived);
    (void)survived(held);
    return held;
}

static const struct registry_kind cells = {
    .subject = subject, .doubt = doubt, .prefetch = weak_set_prefetch, .settle = settle, .care = weak_set_care};

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
    struct weak_set *set = load_acquire(&all_cells); /* acquire: it is filled in */
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
    return cas_acq_rel(&all_cells, &set, fresh) ? fresh : set;
}

static bool is_cell_of(const void *object, const void *address)
{
    const struct hapax_weak_cell *cell = object;
    /* The address is held by whoever asks, so its cell is not tentative. */
    return load_relaxed(&cell->word) == (uintptr_t)address;
}

uint64_t weak_count(void)
{
    struct weak_set *set = load_acquire(&all_cells);
    return set != NULL ? registry_count(set->registry) : 0;
}

/* ---- The public functions ---- */

static hapax_weak make(struct thread *self, struct weak_set *set, const void *pointer, uint64_t hash,
                       uint64_t ticket)
{
    void *base;
    if (memory_place(pointer, &base) == MEMORY_FOREIGN) {
        refuse(EINVAL, "hapax_weak_make", "the pointer leads neither to collected memory nor to static data");
        return NULL;
    }
    struct hapax_weak_cell *cell = thread_alloc_plain(self, sizeof *cell);
    if (cell == NULL)
        return NULL;
    cell->in_trie.hash = hash;
    cell->base = base;
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
    return weak_word_value(&cell->word);
}
