#include "config.h"

#include <hapax/weak.h>

#include "weak.h"

#include "collector.h"
#include "debug.h"
#include "finalizer.h"
#include "hash.h"
#include "memory.h"
#include "registry.h"
#include "thread.h"
#include "trie.h"

#include <errno.h>

/* The one cell of an address inside a living object. Plain memory: nothing in it keeps the object alive. Once the object
 * is dead, nobody finds the cell again: a new object at the same address gets a new one. */
struct hapax_weak_cell {
    struct trie_object in_trie;
    atomic_word word;       /* the address undisguised; with TENTATIVE while a collection doubts it; 0: dead */
    const void *base;       /* of the object; NULL: static data, which never dies */
};

/* Addresses may be odd, but none of a user's has this bit. */
#define TENTATIVE ((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1))

/* In root memory of the collector: the trie's first lines are collected. */
struct cell_table {
    struct trie trie;
    struct trie_region region;
    struct registry *registry;
};
static struct cell_table *_Atomic cell_table;

/* ---- A collection ---- */

/* A cell lives as long as its object does, whoever holds it. Where the object is dead already: until nobody holds it. */
static const void *subject(void *object)
{
    struct hapax_weak_cell *cell = object;
    if (load_relaxed(&cell->word) == 0)
        return cell;
    if (cell->base == NULL || collector_is_marked(cell->base))
        collector_mark(cell);
    return cell->base;
}

/* What `settle` gets of a cell that stays in the trie. */
#define ONLY_THE_WORD ((uintptr_t)3)

/* A cell that somebody holds may be amidst a move inside the trie: it stays there, where nobody finds it, until a
 * collection finds it unmarked, which proves that its entry stands in one place. */
static uintptr_t doubt(void *context, void *object)
{
    struct cell_table *table = context;
    struct hapax_weak_cell *cell = object;
    uintptr_t word = load_relaxed(&cell->word);
    if (word != 0)
        store_relaxed(&cell->word, word | TENTATIVE); /* the world is stopped */
    if (collector_is_marked(cell))
        return (uintptr_t)cell | ONLY_THE_WORD;
    collector_mark(cell); /* its memory, until it is settled */
    return (uintptr_t)trie_doubt(&table->trie, &cell->in_trie) | 1;
}

static bool survived(const void *object)
{
    struct hapax_weak_cell *cell = (struct hapax_weak_cell *)(uintptr_t)object;
    uintptr_t word = load_relaxed(&cell->word);
    if (word == 0)
        return false;
    /* An object that waits for its finalizer lives on, but not for those who hold it weakly. */
    bool lives = collector_survived(cell->base) && !finalizer_condemned(cell->base);
    /* Nobody else writes a tentative word. Release: pairs with the load of a reader who finds it settled. */
    store_release(&cell->word, lives ? word & ~TENTATIVE : 0);
    return lives;
}

static void *settle(void *context, uintptr_t entry)
{
    (void)context;
    if ((entry & ONLY_THE_WORD) != ONLY_THE_WORD)
        return trie_settle((atomic_word *)(entry & ~(uintptr_t)1), survived);
    struct hapax_weak_cell *cell = (struct hapax_weak_cell *)(entry & ~ONLY_THE_WORD);
    (void)survived(cell);
    return cell;
}

static void care(void *context)
{
    struct cell_table *table = context;
    trie_shrink(&table->trie, registry_estimate(table->registry));
}

static const struct registry_kind cells = {.subject = subject, .doubt = doubt, .settle = settle, .care = care};

/* ---- The table of cells ---- */

static struct cell_table *new_cell_table(void)
{
    struct cell_table *table = collector_alloc_root(sizeof *table);
    if (table == NULL)
        return NULL;
    if (trie_init(&table->trie, &table->region) &&
        (table->registry = registry_new(&cells, NULL, table, NULL)) != NULL)
        return table;
    collector_free_root(table);
    return NULL;
}

static struct cell_table *the_cell_table(void)
{
    struct cell_table *table = load_acquire(&cell_table); /* acquire: it is filled in */
    if (likely(table != NULL))
        return table;
    struct cell_table *fresh = new_cell_table();
    if (fresh == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    /* Release: it is filled in. One that lost the race stays behind, empty: its registry is known to collections. */
    return cas_acq_rel(&cell_table, &table, fresh) ? fresh : table;
}

static bool is_cell_of(const void *object, const void *address)
{
    const struct hapax_weak_cell *cell = object;
    /* The address is held by whoever asks, so its cell is not tentative. */
    return load_relaxed(&cell->word) == (uintptr_t)address;
}

/* Publishes a cell; what is found instead where another thread was first. NULL with ENOMEM. */
static struct hapax_weak_cell *publish(struct cell_table *table, struct thread *self, struct hapax_weak_cell *cell,
                                       const void *address, uint64_t ticket)
{
    atomic_word *word = registry_reserve(table->registry, self->lane);
    if (word == NULL)
        return NULL;
    for (;;) {
        enum trie_outcome outcome = trie_insert(&table->trie, &cell->in_trie, ticket, word);
        if (outcome == TRIE_DONE)
            break;
        struct hapax_weak_cell *found = NULL;
        bool room = outcome != TRIE_CROWDED || trie_make_room(&table->trie);
        if (room)
            found = trie_find(&table->trie, cell->in_trie.hash, is_cell_of, address, &ticket);
        if (!room || found != NULL) {
            registry_cancel(table->registry, word);
            return found;
        }
    }
    registry_filled(table->registry, word);
    if (registry_round(word))
        trie_consider_growth(&table->trie, registry_estimate(table->registry));
    trie_help(&table->trie);
    return cell;
}

uint64_t weak_count(void)
{
    struct cell_table *table = load_acquire(&cell_table);
    return table != NULL ? registry_count(table->registry) : 0;
}

/* ---- The public functions ---- */

static hapax_weak make(struct thread *self, struct cell_table *table, const void *pointer, uint64_t hash,
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
    return publish(table, self, cell, pointer, ticket);
}

hapax_weak hapax_weak_make(const void *pointer)
{
    if (pointer == NULL)
        return NULL;
    struct thread *self = thread_enter();
    struct cell_table *table = self != NULL ? the_cell_table() : NULL;
    if (unlikely(table == NULL))
        return NULL;
    uint64_t hash = hash_pointer(pointer), ticket;
    hapax_weak cell = trie_find_quickly(&table->trie, hash, is_cell_of, pointer);
    if (cell == NULL && (cell = trie_find(&table->trie, hash, is_cell_of, pointer, &ticket)) == NULL) {
        int before = errno;
        cell = make(self, table, pointer, hash, ticket);
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
    for (;;) {
        /* Acquire: pairs with the settling step. What is loaded is the address itself, so from this instruction on it
         * is a root; a collection that began before has made the word tentative, or found the object alive. */
        uintptr_t word = load_acquire(&cell->word);
        if (likely((word & TENTATIVE) == 0))
            return (void *)word;
        collector_wait();
    }
}
