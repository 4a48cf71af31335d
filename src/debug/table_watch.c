/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "debug/table_watch.h"

#include <hapax/memory.h>
#include <hapax/weak.h>

#include "base/environment.h"
#include "base/pages.h"
#include "base/pool.h"
#include "base/say.h"
#include "base/sync.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Hashes of evicted values: open addressing with linear probing. Written by collections, one at a time. */
struct hash_set {
    size_t room;                /* a power of two */
    atomic_count hashes[];      /* 0: free */
};
enum { LEAST_ROOM = 512, MOST_ROOM = 1 << 23 };

struct watched_table {
    struct watched_table *next;
    char values[40];            /* what they are called */
    const void *address;
    hapax_weak table;           /* pinned */
    atomic_count interned, evicted, again;
    struct hash_set *_Atomic gone;
    size_t gone_count;          /* the collections' own */
};

static bool is_on;
static struct watched_table *_Atomic all;

static uint64_t not_zero(uint64_t hash)
{
    return hash != 0 ? hash : 1;
}

/* The place of a hash, or the free one where its search ends. */
static atomic_count *find(struct hash_set *set, uint64_t hash)
{
    for (size_t i = (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 32);; i++) {
        atomic_count *place = &set->hashes[i & (set->room - 1)];
        uint64_t there = load_relaxed(place);
        if (there == hash || there == 0)
            return place;
    }
}

/* A larger set with the same hashes. Readers may still be in the old one, which stays. */
static struct hash_set *grow(struct watched_table *watched, struct hash_set *old)
{
    size_t room = old != NULL ? 2 * old->room : LEAST_ROOM;
    struct hash_set *set = room <= MOST_ROOM ? pages_alloc(sizeof *set + room * sizeof *set->hashes) : NULL;
    if (set == NULL)
        return NULL;
    set->room = room;
    for (size_t i = 0; old != NULL && i < old->room; i++) {
        uint64_t hash = load_relaxed(&old->hashes[i]);
        if (hash != 0)
            store_relaxed(find(set, hash), hash);
    }
    store_release(&watched->gone, set);     /* release: readers find it filled in */
    return set;
}

void table_watch_doubted(struct watched_table *watched, uint64_t hash)
{
    struct hash_set *set = load_relaxed(&watched->gone);
    if (set == NULL || watched->gone_count >= set->room / 2) {
        struct hash_set *larger = grow(watched, set);
        if (larger == NULL)
            return;
        set = larger;
    }
    hash = not_zero(hash);
    atomic_count *place = find(set, hash);
    watched->gone_count += load_relaxed(place) == 0;
    store_relaxed(place, hash);
}

void table_watch_evicted(struct watched_table *watched)
{
    add_relaxed(&watched->evicted, 1u);
}

void table_watch_interned(struct watched_table *watched, uint64_t hash)
{
    struct hash_set *set = load_acquire(&watched->gone);    /* acquire: pairs with grow */
    add_relaxed(&watched->interned, 1u);
    if (set != NULL && load_relaxed(find(set, not_zero(hash))) != 0)
        add_relaxed(&watched->again, 1u);
}

/* It has the address of its table, and keeps it alive nowhere that is searched. */
static struct pool pool = {.block = (sizeof(struct watched_table) + 15) & ~(size_t)15};

struct watched_table *table_watch_new(const void *table, const char *values)
{
    struct watched_table *watched = likely(!is_on) ? NULL : pool_take(&pool);
    if (watched == NULL)
        return NULL;
    snprintf(watched->values, sizeof watched->values, "%s", values);
    watched->address = table;
    watched->table = hapax_weak_make(table);
    if (watched->table == NULL || hapax_pin(watched->table) != 0) {
        pool_give_back(&pool, watched);
        return NULL;
    }
    watched->next = load_relaxed(&all);
    while (!cas_release(&all, &watched->next, watched)) /* release: it is filled in */
        ;
    return watched;
}

static void print(void)
{
    for (struct watched_table *watched = load_acquire(&all); watched != NULL; watched = watched->next) {
        uint64_t interned = load_relaxed(&watched->interned), evicted = load_relaxed(&watched->evicted);
        bool lives = hapax_weak_value(watched->table) != NULL;
        say("table of %s at %p%s: %" PRIu64 " live, %" PRIu64 " evicted, %" PRIu64 " interned again after eviction",
            watched->values, watched->address, lives ? "" : ", itself collected", lives ? interned - evicted : 0,
            evicted, load_relaxed(&watched->again));
    }
}

void table_watch_start(void)
{
    if (is_on || !environment_debug("tables"))
        return;
    is_on = true;
    atexit(print);
}
