/* SPDX-License-Identifier: MIT */
/* Weak maps whose keys have finalizers, ours and those of the program. */
#include "config.h"

#include "finalizer_table.h"
#include "weak_map_objects.h"

#include <criterion/criterion.h>
#include <stdbool.h>

/* ---- Beside finalizers ---- */

static NOINLINE void make_finalizable(void (*make)(struct object *))
{
    struct object **keys = new_keys(MANY);
    set_back_references(watched, keys, MANY, false);
    for (size_t i = 0; i < MANY; i++) {
        set(plainly, keys[i], &static_keys[i]);
        make(keys[i]);
    }
    /* One stale pointer to the array would keep them all. */
    memset(keys, 0, MANY * sizeof *keys);
}

static NOINLINE void check_resurrected(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < MANY; i++) {
        struct object *key = resurrected[i];
        if (key == NULL)
            continue;
        cr_assert_eq(((struct object *)hapax_weak_map_get(watched, key))->next, key);
        cr_assert_eq(hapax_weak_map_get(plainly, key), &static_keys[i]);
        count++;
    }
    cr_assert_eq(count, finalized);
}

static void keeps_the_value_for(void (*make)(struct object *))
{
    grow_finalizer_table(MANY);
    watched = new_map();
    plainly = new_map();
    cr_assert_eq(hapax_pin(watched), 0);
    cr_assert_eq(hapax_pin(plainly), 0);
    make_finalizable(make);
    collect_all();
    GC_invoke_finalizers();
    collect_all();
    cr_assert_geq(finalized, MOST(MANY));
    cr_assert_eq(wrong, 0u);
    cr_assert_leq(died, MANY - finalized);
    check_resurrected();
    memset(resurrected, 0, sizeof resurrected);
    collect_all();
    collect_all();
    cr_assert_geq(died, MOST(MANY));
}

static void finalize_ours(struct object *key)
{
    cr_assert_eq(hapax_set_finalizer(key, look_up, NULL), 0);
}

static void finalize_foreign(struct object *key)
{
    GC_register_finalizer(key, look_up, NULL, NULL, NULL);
}

static void finalize_foreign_without_order(struct object *key)
{
    GC_register_finalizer_no_order(key, look_up, NULL, NULL, NULL);
}

Test(weak_map, a_key_has_its_value_in_its_finalizer)
{
    keeps_the_value_for(finalize_ours);
}

Test(weak_map, a_key_has_its_value_in_a_foreign_finalizer)
{
    keeps_the_value_for(finalize_foreign);
}

Test(weak_map, a_key_has_its_value_in_a_foreign_finalizer_without_order)
{
    keeps_the_value_for(finalize_foreign_without_order);
}

static void look_up_held(void *object, void *data)
{
    look_up(((struct object *)object)->other, data);
}

static void finalize_foreign_reached(struct object *key)
{
    struct object *holder = new_object(0);
    holder->other = key;
    GC_register_finalizer(holder, look_up_held, NULL, NULL, NULL);
}

static void finalize_foreign_reached_without_order(struct object *key)
{
    struct object *holder = new_object(0);
    holder->other = key;
    GC_register_finalizer_no_order(holder, look_up_held, NULL, NULL, NULL);
}

Test(weak_map, a_key_that_a_foreign_finalizer_reaches_has_its_value)
{
    keeps_the_value_for(finalize_foreign_reached);
}

Test(weak_map, a_key_that_a_foreign_finalizer_without_order_reaches_has_its_value)
{
    keeps_the_value_for(finalize_foreign_reached_without_order);
}

/* In one map: a key that a stale pointer has kept comes later, and has its value still. */
Test(weak_map, keys_that_foreign_finalizers_reach_have_their_values_again_and_again)
{
    watched = new_map();
    plainly = new_map();
    cr_assert_eq(hapax_pin(watched), 0);
    cr_assert_eq(hapax_pin(plainly), 0);
    for (unsigned round = 0; round < 3; round++) {
        unsigned before = finalized;
        make_finalizable(finalize_foreign_reached);
        collect_all();
        GC_invoke_finalizers();
        cr_assert_geq(finalized - before, MOST(MANY));
        cr_assert_eq(wrong, 0u);
        memset(resurrected, 0, sizeof resurrected);
        collect_all();
    }
}

static atomic_uint first_ran[MANY], second_ran, out_of_order;

static void finalize_first(void *object, void *arg)
{
    struct object *key = object, *value = hapax_weak_map_get(watched, key);
    (void)arg;
    /* What it reaches has not been finalized. */
    if (value == NULL || value->next->number != key->number)
        atomic_fetch_add(&wrong, 1u);
    first_ran[key->number] = 1;
    atomic_fetch_add(&finalized, 1u);
}

static void finalize_second(void *object, void *arg)
{
    (void)arg;
    if (first_ran[((struct object *)object)->number] == 0)
        atomic_fetch_add(&out_of_order, 1u);
    atomic_fetch_add(&second_ran, 1u);
}

static NOINLINE void make_pairs(void)
{
    for (size_t i = 0; i < MANY; i++) {
        struct object *first = new_object(i), *second = new_object(i), *value = new_object(i);
        value->next = second;
        set(watched, first, value);
        /* Whichever the collection comes to first. */
        if (i % 2 == 0)
            cr_assert_eq(hapax_set_finalizer(second, finalize_second, NULL), 0);
        cr_assert_eq(hapax_set_finalizer(first, finalize_first, NULL), 0);
        if (i % 2 != 0)
            cr_assert_eq(hapax_set_finalizer(second, finalize_second, NULL), 0);
    }
}

Test(weak_map, finalizers_run_in_order_where_a_key_reaches_another_by_its_value)
{
    watched = new_map();
    cr_assert_eq(hapax_pin(watched), 0);
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    make_pairs();
    collect();
    hapax_run_cleanups();
    cr_assert_geq(finalized, MOST(MANY));
    cr_assert_eq(second_ran, 0u);
    cr_assert_eq(wrong, 0u);
    collect();
    hapax_run_cleanups();
    cr_assert_geq(second_ran, MOST(MANY));
    cr_assert_eq(out_of_order, 0u);
}
