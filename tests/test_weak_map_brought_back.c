/* SPDX-License-Identifier: MIT */
/* Weak maps that finalizers bring back, and keys that come back unnoticed. */
#include "config.h"

#include "finalizer_table.h"
#include "weak_map_objects.h"

#include <criterion/criterion.h>

/* ---- What comes back unnoticed ---- */

/* The collector keeps a cycle of its finalizers for ever, and tells nobody: the keys live, their values perhaps not. */
static NOINLINE void make_foreign_cycles(hapax_weak *weaks)
{
    for (size_t i = 0; i < MANY; i++) {
        struct object *key = new_object(i), *value = new_object(i);
        key->next = key;
        value->other = new_object(i);
        set(watched, key, value);
        weaks[i] = hapax_weak_make(key);
        GC_register_finalizer(key, look_up, NULL, NULL, NULL);
    }
}

static NOINLINE unsigned check_foreign_cycles(hapax_weak *weaks)
{
    unsigned alive = 0;
    for (size_t i = 0; i < MANY; i++) {
        struct object *key = hapax_weak_value(weaks[i]), *value;
        if (key == NULL)
            continue;
        alive++;
        value = hapax_weak_map_get(watched, key);
        cr_assert(value == NULL || value == key || (value->number == i && value->other->number == i));
        set(watched, key, key);
        cr_assert_eq(hapax_weak_map_get(watched, key), key);
    }
    return alive;
}

static NOINLINE void fill_with_other_things(void)
{
    for (size_t i = 0; i < 20 * MANY; i++)
        memset(hapax_alloc(sizeof(struct object)), 0xff, sizeof(struct object));
}

Test(weak_map, a_key_that_comes_back_unnoticed_has_no_stale_value)
{
    watched = new_map();
    cr_assert_eq(hapax_pin(watched), 0);
    GC_set_warn_proc(GC_ignore_warn_proc);
    grow_finalizer_table(MANY);
    hapax_weak *weaks = hapax_alloc(MANY * sizeof *weaks);
    make_foreign_cycles(weaks);
    collect();
    fill_with_other_things();
    cr_assert_geq(check_foreign_cycles(weaks), MOST(MANY));
    collect();
    cr_assert_geq(check_foreign_cycles(weaks), MOST(MANY));
    cr_assert_eq(finalized, 0u);
    hapax_keep_alive(weaks);
}

/* A foreign finalizer's object that holds a map and some of its keys. */
enum { KEYS_OF_A_MAP = 64 };

struct map_holder {
    hapax_weak_map *map;
    struct object *keys[KEYS_OF_A_MAP];
};

static struct map_holder *brought_back[MANY];

static void bring_back(void *object, void *arg)
{
    (void)arg;
    brought_back[atomic_fetch_add(&finalized, 1u)] = object;
}

/* Half of the keys are the holder's; where all are wanted, the caller holds them. */
static NOINLINE void make_map_held_by_a_foreign_finalizer(struct object **all_keys)
{
    struct map_holder *holder = hapax_alloc(sizeof *holder);
    holder->map = new_map();
    for (size_t i = 0; i < KEYS_OF_A_MAP; i++) {
        struct object *key = new_object(i), *value = new_object(i);
        set(holder->map, key, value);
        value->next = key;
        if (all_keys != NULL)
            all_keys[i] = key;
        if (i % 2 == 0)
            holder->keys[i] = key;
    }
    GC_register_finalizer(holder, bring_back, NULL, NULL, NULL);
}

static NOINLINE void check_maps_brought_back(void)
{
    for (size_t i = 0; i < finalized; i++) {
        for (size_t k = 0; k < KEYS_OF_A_MAP; k++) {
            struct object *key = brought_back[i]->keys[k];
            if (key == NULL)
                continue;
            struct object *value = hapax_weak_map_get(brought_back[i]->map, key);
            cr_assert(value != NULL && value->next == key && value->number == k);
        }
    }
}

Test(weak_map, a_map_that_a_foreign_finalizer_brings_back_is_whole)
{
    grow_finalizer_table(MANY);
    for (size_t i = 0; i < MANY / 10; i++)
        make_map_held_by_a_foreign_finalizer(NULL);
    collect();
    GC_invoke_finalizers();
    cr_assert_geq(finalized, MOST(MANY / 10));
    check_maps_brought_back();
    fill_with_other_things();
    collect();
    check_maps_brought_back();
}

/* First with all keys alive, then with some of them dead. */
static struct object *kept_keys[MANY / 10][KEYS_OF_A_MAP];

static NOINLINE void finalize_again(void)
{
    for (size_t i = 0; i < finalized; i++)
        GC_register_finalizer(brought_back[i], bring_back, NULL, NULL, NULL);
    memset(brought_back, 0, sizeof brought_back);
    memset(kept_keys, 0, sizeof kept_keys);
    finalized = 0;
}

Test(weak_map, dead_keys_go_from_a_map_that_foreign_finalizers_bring_back_twice)
{
    grow_finalizer_table(MANY);
    for (size_t i = 0; i < MANY / 10; i++)
        make_map_held_by_a_foreign_finalizer(kept_keys[i]);
    collect();
    GC_invoke_finalizers();
    cr_assert_geq(finalized, MOST(MANY / 10));
    check_maps_brought_back();
    finalize_again();
    for (unsigned round = 0; round < 3; round++) {
        collect();
        GC_invoke_finalizers();
        use_what_is_free();
        check_maps_brought_back();
    }
    cr_assert_geq(finalized, MOST(MOST(MANY / 10)));
}

/* A map in such a cycle: its keys have lived all along, their values perhaps not. */
static NOINLINE void make_maps_in_foreign_cycles(hapax_weak *weaks, struct object **keys)
{
    for (size_t i = 0; i < MANY; i++) {
        struct map_holder *holder = hapax_alloc(sizeof *holder);
        holder->map = new_map();
        holder->keys[0] = (void *)holder;
        struct object *value = new_object(i);
        value->other = new_object(i);
        set(holder->map, keys[i], value);
        weaks[i] = hapax_weak_make(holder->map);
        GC_register_finalizer(holder, bring_back, NULL, NULL, NULL);
    }
}

static NOINLINE unsigned check_maps_in_foreign_cycles(hapax_weak *weaks, struct object **keys)
{
    unsigned alive = 0;
    for (size_t i = 0; i < MANY; i++) {
        hapax_weak_map *map = hapax_weak_value(weaks[i]);
        if (map == NULL)
            continue;
        alive++;
        struct object *value = hapax_weak_map_get(map, keys[i]);
        cr_assert(value == NULL || value == keys[i] || (value->number == i && value->other->number == i));
        set(map, keys[i], keys[i]);
        cr_assert_eq(hapax_weak_map_get(map, keys[i]), keys[i]);
    }
    return alive;
}

Test(weak_map, a_map_that_comes_back_unnoticed_has_no_stale_values)
{
    GC_set_warn_proc(GC_ignore_warn_proc);
    hapax_weak *weaks = hapax_alloc(MANY * sizeof *weaks);
    struct object **keys = new_keys(MANY);
    make_maps_in_foreign_cycles(weaks, keys);
    for (unsigned round = 0; round < 2; round++) {
        collect();
        fill_with_other_things();
        cr_assert_geq(check_maps_in_foreign_cycles(weaks, keys), MOST(MANY));
    }
    cr_assert_eq(finalized, 0u);
    hapax_keep_alive(weaks);
    hapax_keep_alive(keys);
}

static void use_map(void *object, void *arg)
{
    struct object **keys = arg;
    for (size_t i = 0; i < KEYS; i++) {
        struct object *value = hapax_weak_map_get(object, keys[i]);
        if (value == NULL || value->next != keys[i] || value->other->next != keys[i])
            atomic_fetch_add(&wrong, 1u);
    }
    atomic_fetch_add(&finalized, 1u);
}

static NOINLINE void make_finalizable_maps(struct object **keys)
{
    for (unsigned i = 0; i < MAPS; i++)
        cr_assert_eq(hapax_set_finalizer(set_in_new_map(keys), use_map, keys), 0);
}

Test(weak_map, a_map_is_whole_in_its_finalizer)
{
    if (address_space_is_limited())
        cr_skip_test("no room for many maps");
    struct object **keys = new_keys(KEYS);
    make_finalizable_maps(keys);
    collect_all();
    cr_assert_geq(finalized, MOST(MAPS));
    cr_assert_eq(wrong, 0u);
    collect_all();
    cr_assert_geq(died, MOST(MAPS) * 2 * KEYS);
    hapax_keep_alive(keys);
}
