/* SPDX-License-Identifier: MIT */
/* Collections in steps, collections that are given up, and what is stored during a collection. */
#include "config.h"

#include "foreign_objects.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- Incremental collection ---- */

static atomic_bool done;

static void *churn(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    void **own = hapax_alloc(64 * sizeof *own);
    while (!atomic_load(&done)) {
        random = random * 1664525 + 1013904223;
        char text[40];
        snprintf(text, sizeof text, "churned %u", random >> 22);
        hapax_handle handle = hapax_intern(text);
        if (strcmp(hapax_handle_value(handle), text) != 0 || hapax_intern(text) != handle)
            abort();
        own[random >> 26] = (void *)(uintptr_t)handle;
        struct node *node = hapax_alloc(sizeof *node);
        if (random >> 28 == 0) {
            node->number = random % MANY;
            GC_register_finalizer_no_order(node, bring_back_elsewhere, NULL, NULL, NULL);
        }
        if (hapax_weak_value(hapax_weak_make(node)) != node)
            abort();
    }
    hapax_keep_alive(own);
    return NULL;
}

static int churn_for_a_while(void)
{
    pthread_t threads[3];
    for (uintptr_t i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
    for (int i = 0; i < 30; i++) {
        for (int j = 0; j < 200; j++)
            GC_collect_a_little();
        hapax_collect();
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

/* A small heap would be marked at once, within the time that a pause may take: none here. */
static void mark_in_steps(void)
{
    GC_enable_incremental();
    GC_set_time_limit(0);
    GC_set_rate(1);
}

static int incremental_first(void *unused)
{
    (void)unused;
    GC_INIT();
    mark_in_steps();
    CHECK(GC_is_incremental_mode());
    CHECK(everything_works() == 0);
    CHECK(churn_for_a_while() == 0);
    return everything_works();
}

Test(foreign_start, incremental_before_the_start)
{
    cr_assert_eq(in_child(incremental_first, NULL), 0);
}

static int incremental_later(void *unused)
{
    (void)unused;
    CHECK(everything_works() == 0);
    mark_in_steps();
    CHECK(everything_works() == 0);
    CHECK(churn_for_a_while() == 0);
    return everything_works();
}

Test(foreign_start, incremental_after_the_start)
{
    cr_assert_eq(in_child(incremental_later, NULL), 0);
}

static int incremental_child(void *unused)
{
    (void)unused;
    GC_INIT();
    mark_in_steps();
    CHECK(everything_works() == 0);
    CHECK(in_child(incremental_later, unused) == 0);
    return everything_works();
}

Test(foreign_start, incremental_and_forked)
{
    cr_assert_eq(in_child(incremental_child, NULL), 0);
}

/* ---- Collections that are given up ---- */

static int marks_left;

static int GC_CALLBACK give_up(void)
{
    return --marks_left <= 0;
}

static void collect_in_vain(void)
{
    for (int n = 1; n <= 64; n *= 2) {
        marks_left = n;
        (void)GC_try_to_collect(give_up);
    }
}

static int abandoned(void *unused)
{
    (void)unused;
    CHECK(everything_works() == 0);
    for (int round = 0; round < 3; round++) {
        make_each(MANY, make_one);
        collect_in_vain();
        for (size_t i = 1; i < MANY; i += 2)
            CHECK(hapax_weak_value(weak[i]) == handles[i] && hapax_weak_value(again[i]) == held[i]);
        CHECK(everything_works() == 0);
    }
    return 0;
}

static int abandoned_incremental(void *unused)
{
    mark_in_steps();
    return abandoned(unused);
}

Test(foreign_start, abandoned_marks)
{
    cr_assert_eq(in_child(abandoned, NULL), 0);
    cr_assert_eq(in_child(abandoned_incremental, NULL), 0);
}

/* Collectors that are told of writes: what is stored during a collection, in memory that it has searched already, is
 * found only by those who say so. */
static hapax_table *keeping;

static void store_arguments(size_t i)
{
    void *of_cleanup = hapax_alloc(24), *of_finalizer = hapax_alloc(24);
    weak[i] = hapax_weak_make(of_cleanup);
    again[i] = hapax_weak_make(of_finalizer);
    must(hapax_add_cleanup(held[i], look_at_nothing, of_cleanup, NULL) == 0);
    must(hapax_set_finalizer(held[i], finalize_nothing, of_finalizer) == 0);
}

static void store_or_pin(size_t i)
{
    void *object = hapax_alloc(24);
    weak[i] = hapax_weak_make(object);
    if (i % 2)
        out_of_sight[i] = object;
    else
        must(hapax_pin(object) == 0);
}

static size_t kept_before;

static void store_kept_value(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "kept %zu", i + kept_before);
    weak[i] = hapax_weak_make(hapax_make_handle(keeping, text, strlen(text)));
}

static void store_kept_values(void)
{
    kept_before = 0;
    make_each(MANY, store_kept_value);
    kept_before = MANY;
    make_each(MANY, store_kept_value);
    kept_before = 2 * MANY;
}

static void hold_all(size_t i)
{
    held[i] = hapax_alloc(16);
}

/* Inside a collection, after so many of its steps. */
static size_t amidst;

static void make_each_amidst(int steps, void (*make)(size_t))
{
    hapax_collect();
    GC_start_incremental_collection();
    for (int i = 0; i < steps && GC_collect_a_little() != 0; i++)
        ;
    size_t number = GC_get_gc_no();
    make_each(MANY, make);
    amidst += GC_get_gc_no() == number && GC_collect_a_little() != 0;
    while (GC_collect_a_little() != 0)
        ;
    collect();
}

static int told_of_writes(void *unused)
{
    (void)unused;
    GC_set_manual_vdb_allowed(1);
    GC_INIT();
    mark_in_steps();
    CHECK(GC_is_incremental_mode());
    CHECK(everything_works() == 0);
    out_of_sight = calloc(MANY, sizeof *out_of_sight);
    CHECK(hapax_add_roots(out_of_sight, MANY * sizeof *out_of_sight) == 0);
    for (int steps = 0; steps < 60; steps += steps / 4 + 1) {
        make_each(MANY, hold_all);
        make_each_amidst(steps, store_arguments);
        CHECK(count_dead(weak, MANY) == 0);
        CHECK(count_dead(again, MANY) == 0);
        make_each_amidst(steps, store_or_pin);
        CHECK(count_dead(weak, MANY) == 0);
        keeping = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
        store_kept_values();
        make_each_amidst(steps, store_kept_value);
        CHECK(count_dead(weak, MANY) == 0);
    }
#ifndef HAPAX_HARD_TESTS    /* whose collections come in between, and end what has begun */
    CHECK(amidst > 0);
#endif
    return everything_works();
}

Test(foreign_start, told_of_writes)
{
    cr_assert_eq(in_child(told_of_writes, NULL), 0);
}
