/* SPDX-License-Identifier: MIT */
/* The entries of weak maps, from inside: src/systems/weak_map.c. */
#include "config.h"

#include "dying.h"

#include "base/hash.h"
#include "systems/weak_map.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MANY = 1000 };

static bool is_same(const void *object, const void *other)
{
    return object == other;
}

static bool is_of_key(const void *object, const void *key)
{
    return load_relaxed(&((const struct weak_map_entry *)object)->key) == key;
}

static struct weak_map_entry *entry_of(struct hapax_weak_map *map, const void *key)
{
    uint64_t ticket;
    struct weak_map_entry *entry = trie_find(&map->set.trie, hash_pointer(key), is_of_key, key, &ticket);
    cr_assert_not_null(entry);
    return entry;
}

/* The entries of keys that are forgotten. */
static NOINLINE void make(struct hapax_weak_map *map, struct weak_map_entry **entries)
{
    for (size_t i = 0; i < MANY; i++) {
        void *key = hapax_alloc(16);
        cr_assert_eq(hapax_weak_map_set(map, key, key), 0);
        entries[i] = entry_of(map, key);
    }
}

static NOINLINE unsigned count_in_trie(struct hapax_weak_map *map, struct weak_map_entry **entries)
{
    unsigned found = 0;
    for (size_t i = 0; i < MANY; i++) {
        uint64_t ticket;
        found += trie_find(&map->set.trie, entries[i]->in_trie.hash, is_same, entries[i], &ticket) != NULL;
    }
    return found;
}

static NOINLINE unsigned count_dead(struct weak_map_entry **entries)
{
    unsigned dead = 0;
    for (size_t i = 0; i < MANY; i++)
        dead += load_relaxed(&entries[i]->key) == NULL && load_relaxed(&entries[i]->value) == 0;
    return dead;
}

/* A thread that holds an entry may be moving it: it goes out of the trie when nobody does. */
Test(entries, stay_in_the_trie_while_they_are_held)
{
    struct hapax_weak_map *map = hapax_weak_map_new();
    struct weak_map_entry **entries = hapax_alloc(MANY * sizeof *entries);
    make(map, entries);
    for (unsigned i = 0; i < 3; i++) {
        collect();
        cr_assert_geq(count_dead(entries), MOST(MANY));
        cr_assert_eq(count_in_trie(map, entries), (unsigned)MANY);
    }
    memset(entries, 0, MANY * sizeof *entries);
    collect();
    collect();
    cr_assert_leq(registry_count(map->set.registry), (uint64_t)MANY - MOST(MANY));
    hapax_keep_alive(entries);
    hapax_keep_alive(map);
}

static NOINLINE void set_and_remove(struct hapax_weak_map *map, void **keys)
{
    for (size_t i = 0; i < MANY; i++) {
        keys[i] = hapax_alloc(16);
        cr_assert_eq(hapax_weak_map_set(map, keys[i], keys), 0);
        cr_assert(hapax_weak_map_remove(map, keys[i]));
    }
}

Test(entries, go_when_they_were_removed_though_the_key_lives)
{
    struct hapax_weak_map *map = hapax_weak_map_new();
    void **keys = hapax_alloc(MANY * sizeof *keys);
    set_and_remove(map, keys);
    collect();
    collect();
    cr_assert_leq(registry_count(map->set.registry), (uint64_t)MANY - MOST(MANY));
    set_and_remove(map, keys);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(hapax_weak_map_set(map, keys[i], keys[i]), 0);
    collect();
    collect();
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(hapax_weak_map_get(map, keys[i]), keys[i]);
    cr_assert_eq(registry_count(map->set.registry), (uint64_t)MANY);
    hapax_keep_alive(keys);
    hapax_keep_alive(map);
}
