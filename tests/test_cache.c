/* SPDX-License-Identifier: MIT */
/* Caches: what lives in them, and how long they live. */
#include "config.h"

#include "cache_objects.h"
#include "finalizer_table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { MANY = 1000 };

/* ---- Life ---- */

Test(cache, gives_the_same_value_while_it_is_held)
{
    hapax_cache *cache = new_cache();
    struct value **held = hapax_alloc(MANY * sizeof *held);
    for (unsigned i = 0; i < MANY; i++)
        held[i] = get_number(cache, i);
    for (unsigned round = 0; round < 3; round++) {
        collect();
        for (unsigned i = 0; i < MANY; i++)
            cr_assert_eq(get_number(cache, i), held[i]);
    }
    cr_assert_eq(created, MANY);
    cr_assert_eq(died, 0u);
    hapax_keep_alive(held);
}

static NOINLINE void get_and_drop(hapax_cache *cache)
{
    for (unsigned i = 0; i < MANY; i++)
        get_number(cache, i);
}

Test(cache, values_die_and_are_made_anew)
{
    hapax_cache *cache = new_cache();
    get_and_drop(cache);
    collect_all();
    cr_assert_geq(died, MOST(MANY));
    get_and_drop(cache);
    cr_assert_geq(created, MANY + MOST(MANY));
    collect_all();
    cr_assert_geq(died, MANY + MOST(MANY));
    hapax_keep_alive(cache);
}

static NOINLINE void get_long_keys(hapax_cache *cache, char *key, size_t size, unsigned round)
{
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, size, "%u.%u", round, i);
        cr_assert_not_null(hapax_cache_get(cache, key, size, NULL));
    }
}

/* 400 MB of keys in all: where entries stayed, so would they. */
Test(cache, entries_go_with_their_values)
{
    hapax_cache *cache = new_cache();
    size_t size = 100000;
    char *key = calloc(1, size);
    for (unsigned round = 0; round < 40; round++) {
        get_long_keys(cache, key, size, round);
        collect_all();
    }
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_lt(stats.heap_bytes - stats.heap_free_bytes, 100u << 20);
    free(key);
    hapax_keep_alive(cache);
}

static NOINLINE void *inside(hapax_cache *cache, unsigned number)
{
    return (char *)get_number(cache, number) + 1;
}

Test(cache, a_pointer_into_a_value_keeps_it)
{
    hapax_cache *cache = new_cache();
    void **held = hapax_alloc(MANY * sizeof *held);
    for (unsigned i = 0; i < MANY; i++)
        held[i] = inside(cache, i);
    collect_all();
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_eq((char *)get_number(cache, i) + 1, held[i]);
    cr_assert_eq(created, MANY);
    hapax_keep_alive(held);
}

static void *create_odd(const void *key, size_t size, void *context, int *error)
{
    char *value = create_value(key, size, context, error);
    return value != NULL ? value + 3 : NULL;
}

Test(cache, a_value_may_point_into_an_object)
{
    hapax_cache *cache = hapax_cache_new(create_odd, NULL);
    char **held = hapax_alloc(MANY * sizeof *held);
    for (unsigned i = 0; i < MANY; i++)
        held[i] = hapax_cache_get(cache, &i, sizeof i, NULL);
    collect_all();
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_eq(hapax_cache_get(cache, &i, sizeof i, NULL), held[i]);
    cr_assert_eq(died, 0u);
    memset(held, 0, MANY * sizeof *held);
    collect_all();
    cr_assert_geq(died, MOST(MANY));
    hapax_keep_alive(cache);
}

static int in_static_data[2];

static void *create_static(const void *key, size_t size, void *context, int *error)
{
    (void)key, (void)size, (void)error;
    ++*(unsigned *)context;
    return &in_static_data[1];
}

Test(cache, static_values_stay)
{
    unsigned *count = hapax_alloc_plain(sizeof *count);
    hapax_cache *cache = hapax_cache_new(create_static, count);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++)
            cr_assert_eq(hapax_cache_get(cache, &i, sizeof i, NULL), &in_static_data[1]);
        collect_all();
        use_what_is_free();
    }
    cr_assert_eq(*count, MANY);
}

/* ---- The life of the cache ---- */

static NOINLINE void make_caches(atomic_uint *caches, atomic_uint *contexts)
{
    for (unsigned i = 0; i < 100; i++) {
        void *context = hapax_alloc(16);
        hapax_cache *cache = hapax_cache_new(create_value, context);
        cr_assert_eq(hapax_add_cleanup(context, count_one, contexts, NULL), 0);
        cr_assert_eq(hapax_add_cleanup(cache, count_one, caches, NULL), 0);
        for (unsigned j = 0; j < 100; j++)
            get_number(cache, j);
    }
}

Test(cache, is_collected_with_all_it_has)
{
    static atomic_uint caches, contexts;
    make_caches(&caches, &contexts);
    collect_all();
    cr_assert_geq(caches, MOST(100));
    cr_assert_geq(contexts, MOST(100));
    cr_assert_geq(died, MOST(100 * 100));
}

static void *create_from_context(const void *key, size_t size, void *context, int *error)
{
    cr_assert_eq(*(unsigned *)context, 4711u);
    return create_value(key, size, NULL, error);
}

static NOINLINE void make_with_context(hapax_cache **caches, atomic_uint *contexts)
{
    for (unsigned i = 0; i < MANY; i++) {
        unsigned *context = hapax_alloc_plain(sizeof *context);
        *context = 4711;
        cr_assert_eq(hapax_add_cleanup(context, count_one, contexts, NULL), 0);
        caches[i] = hapax_cache_new(create_from_context, context);
    }
}

Test(cache, keeps_its_context)
{
    static atomic_uint contexts;
    hapax_cache **caches = hapax_alloc(MANY * sizeof *caches);
    make_with_context(caches, &contexts);
    collect_all();
    cr_assert_eq(contexts, 0u);
    for (unsigned i = 0; i < MANY; i++)
        get_number(caches[i], i);
}

Test(cache, caches_share_nothing)
{
    hapax_cache *one = new_cache(), *other = new_cache();
    struct value *first = get_number(one, 7);
    cr_assert_neq(first, get_number(other, 7));
    cr_assert_eq(first, get_number(one, 7));
    hapax_keep_alive(first);
}

/* ---- Keys ---- */

Test(cache, keys_are_bytes)
{
    static const struct {
        const char *bytes;
        size_t size;
    } keys[] = {{NULL, 0}, {"", 1}, {"a", 1}, {"a", 2}, {"a\0b", 3}, {"a\0c", 3}, {"\0", 2}, {"\0a", 2}};
    enum { COUNT = sizeof keys / sizeof *keys };
    hapax_cache *cache = new_cache();
    void **held = hapax_alloc(COUNT * sizeof *held);
    for (unsigned i = 0; i < COUNT; i++) {
        held[i] = hapax_cache_get(cache, keys[i].bytes, keys[i].size, NULL);
        cr_assert_not_null(held[i]);
        for (unsigned j = 0; j < i; j++)
            cr_assert_neq(held[i], held[j]);
    }
    char buffer[8];
    for (unsigned i = 0; i < COUNT; i++) {
        if (keys[i].size > 0)
            memcpy(buffer, keys[i].bytes, keys[i].size);
        cr_assert_eq(hapax_cache_get(cache, buffer, keys[i].size, NULL), held[i]);
    }
}

Test(cache, the_key_is_copied)
{
    hapax_cache *cache = new_cache();
    char key[] = "first";
    void *value = hapax_cache_get(cache, key, 5, NULL);
    memcpy(key, "other", 5);
    cr_assert_eq(hapax_cache_get(cache, "first", 5, NULL), value);
    cr_assert_neq(hapax_cache_get(cache, key, 5, NULL), value);
    hapax_keep_alive(value);
}

/* The hard build has few hashes, so long chains. */
#ifdef HAPAX_HARD_TESTS
enum { COUNT = 5000 };
#else
enum { COUNT = 100000 };
#endif

Test(cache, holds_many)
{
    hapax_cache *cache = hapax_cache_new(create_value, NULL);
    struct value **held = hapax_alloc(COUNT * sizeof *held);
    for (unsigned i = 0; i < COUNT; i++)
        held[i] = get_number(cache, i);
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert_eq(get_number(cache, i), held[i]);
    cr_assert_eq(created, COUNT);
    memset(held, 0, COUNT * sizeof *held);
    collect_all();
    cr_assert_geq(died, MOST(COUNT));
    for (unsigned i = 0; i < COUNT; i++)
        held[i] = get_number(cache, i);
    cr_assert_geq(created, COUNT + MOST(COUNT));
    hapax_keep_alive(held);
}

/* ---- Resurrection by a foreign finalizer ---- */

static void *brought_back[MANY];
static atomic_uint brought;

static void GC_CALLBACK bring_back(void *object, void *data)
{
    (void)data;
    brought_back[atomic_fetch_add(&brought, 1u)] = object;
}

static void bring_back_for_good(void *object, void *unused)
{
    bring_back(object, unused);
}

static NOINLINE void get_with_finalizers(hapax_cache *cache)
{
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_eq(hapax_set_finalizer(get_number(cache, i), bring_back_for_good, NULL), 0);
}

Test(cache, a_value_that_waits_for_its_finalizer_is_no_value_any_more)
{
    hapax_cache *cache = new_cache();
    get_with_finalizers(cache);
    collect_all();
    cr_assert_geq(brought, MOST(MANY));
    for (unsigned i = 0; i < brought; i++) {
        struct value *value = brought_back[i];
        cr_assert_neq(get_number(cache, value->number), value);
    }
    cr_assert_geq(created, MANY + MOST(MANY));
}

static NOINLINE void get_with_foreign_finalizers(hapax_cache *cache)
{
    for (unsigned i = 0; i < MANY; i++)
        GC_register_finalizer_no_order(get_number(cache, i), bring_back, NULL, NULL, NULL);
}

Test(cache, a_value_that_a_foreign_finalizer_brings_back_is_the_value_still)
{
    grow_finalizer_table(MANY);
    hapax_cache *cache = new_cache();
    get_with_foreign_finalizers(cache);
    collect();
    GC_invoke_finalizers();
    cr_assert_geq(brought, MOST(MANY));
    unsigned before = created;
    for (unsigned i = 0; i < brought; i++) {
        struct value *value = brought_back[i];
        cr_assert_eq(get_number(cache, value->number), value);
    }
    cr_assert_eq(created, before);
    memset(brought_back, 0, sizeof brought_back);
    /* The collector's table of finalizers may still be held, as the first object of its newest piece of heap. */
    GC_expand_hp(1 << 20);
    collect_all();
    cr_assert_geq(died, MOST(MANY));
    hapax_keep_alive(cache);
}
