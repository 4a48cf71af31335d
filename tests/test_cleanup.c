/* SPDX-License-Identifier: MIT */
/* Cleanups: when they run, and what holds their argument. */
#include "config.h"

#include "cleanup_objects.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <gc/gc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* ---- When ---- */

Test(cleanup, runs_once_after_death)
{
    make_each(MANY, make_dropped);
    for (int round = 0; round < 4; round++)
        collect_and_wait();
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(atomic_load(&runs[i]), hapax_weak_value(weak[i]) == NULL, "%zu", i);
    cr_assert_geq(total_runs(), MOST);
}

Test(cleanup, does_not_run_while_the_object_lives)
{
    make_each(MANY, make_held);
    for (int round = 0; round < 3; round++)
        collect_and_wait();
    cr_assert_eq(total_runs(), 0);
    make_each(MANY, drop);
    collect_and_wait();
    cr_assert_geq(total_runs(), MOST);
}

Test(cleanup, does_not_keep_its_object_alive)
{
    make_each(MANY, make_dropped);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static void make_with_several(size_t i)
{
    char *object = hapax_alloc(100);
    for (size_t j = 0; j < 5; j++)
        must(hapax_add_cleanup(object + 17 * j, count_run, &runs[i], NULL));
}

Test(cleanup, any_number_on_one_object_inside_too)
{
    make_each(MANY, make_with_several);
    collect_and_wait();
    size_t five = 0;
    for (size_t i = 0; i < MANY; i++) {
        int n = atomic_load(&runs[i]);
        cr_assert(n == 0 || n == 5, "%d", n);
        five += n == 5;
    }
    cr_assert_geq(five, MOST);
}

static void make_held_with_several(size_t i)
{
    char *object = held[i] = hapax_alloc(100);
    for (size_t j = 0; j < 5; j++)
        must(hapax_add_cleanup(object + 17 * j + i % 32, count_run, &runs[i], NULL));
}

Test(cleanup, inside_an_object_waits_for_the_object)
{
    make_each(MANY, make_held_with_several);
    for (int round = 0; round < 3; round++)
        collect_and_wait();
    cr_assert_eq(total_runs(), 0);
    make_each(MANY, drop);
    collect_and_wait();
    cr_assert_geq(total_runs(), 5 * MOST);
}

Test(cleanup, thousands_on_one_object)
{
    /* One object may stay by chance: many such objects, of which most die. */
    enum { OBJECTS = 100, EACH = 400 };
    for (int i = 0; i < OBJECTS; i++) {
        held[i] = hapax_alloc(16);
        for (int j = 0; j < EACH; j++)
            must(hapax_add_cleanup(held[i], count_run, &runs[i], NULL));
    }
    collect_and_wait();
    cr_assert_eq(total_runs(), 0);
    make_each(OBJECTS, drop);
    collect_and_wait();
    size_t all = 0;
    for (int i = 0; i < OBJECTS; i++) {
        cr_assert(runs[i] == 0 || runs[i] == EACH);
        all += runs[i] == EACH;
    }
    cr_assert_geq(all, OBJECTS * 9 / 10);
}

static void make_cycle(size_t i)
{
    void **a = hapax_alloc(sizeof *a), **b = hapax_alloc(sizeof *b);
    *a = b;
    *b = a;
    must(hapax_add_cleanup(a, count_run, &runs[i], NULL));
    must(hapax_add_cleanup(b, count_run, &runs[i], NULL));
}

Test(cleanup, cycles_die)
{
    make_each(MANY, make_cycle);
    collect_and_wait();
    cr_assert_geq(total_runs(), 2 * MOST);
}

enum { LINKS = 10, CHAINS = MANY / LINKS };

static void make_link(size_t i)
{
    /* Each holds the one before it; nothing but the last is held. */
    void **link = hapax_alloc(sizeof *link);
    *link = held[i % CHAINS];
    held[i % CHAINS] = link;
    must(hapax_add_cleanup(link, count_run, &runs[i], NULL));
}

Test(cleanup, chains_die_in_one_collection)
{
    make_each(MANY, make_link);
    collect_and_wait();
    cr_assert_eq(total_runs(), 0);
    make_each(MANY, drop);
    collect_and_wait();
    cr_assert_geq(total_runs(), MOST);
}

static void make_large(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc_plain(100000), count_run, &runs[0], NULL));
}

Test(cleanup, memory_comes_back_in_the_collection_that_found_it_dead)
{
    enum { LARGE = 200 };
    hapax_set_cleanup_threads(0);
    struct hapax_stats before, after;
    GC_disable();
    make_each(LARGE, make_large);
    hapax_stats(&before);
    GC_enable();
    collect();
    hapax_stats(&after);
    /* Nothing has run, and most of the memory is free already. */
    cr_assert_eq(total_runs(), 0);
    cr_assert_geq(after.cleanups_queued, LARGE * 9 / 10);
    cr_assert_geq(after.heap_free_bytes, before.heap_free_bytes + LARGE * 100000ull / 10 * 9);
}

/* ---- The argument ---- */

static void make_with_argument(size_t i)
{
    uint64_t *argument = hapax_alloc(sizeof *argument);
    *argument = i;
    weak[i] = hapax_weak_make(argument);
    held[i] = hapax_alloc(32);
    must(hapax_add_cleanup(held[i], not_to_be_called, argument, &names[i]));
}

Test(cleanup, the_argument_is_kept_until_stopped)
{
    make_each(MANY, make_with_argument);
    collect();
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    make_each(MANY, stop);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static atomic_size_t arguments_found;

static void look_at_argument(void *argument)
{
    uint64_t *number = argument;
    if (number[0] != ~number[1])
        abort();
    atomic_fetch_add(&arguments_found, 1);
}

static void make_with_argument_to_run(size_t i)
{
    uint64_t *argument = hapax_alloc(2 * sizeof *argument);
    argument[0] = i;
    argument[1] = ~(uint64_t)i;
    weak[i] = hapax_weak_make(argument);
    must(hapax_add_cleanup(hapax_alloc(32), look_at_argument, argument, NULL));
}

static void overwrite_free_memory(size_t i)
{
    (void)i;
    memset(hapax_alloc(2 * sizeof(uint64_t)), 0xdd, 2 * sizeof(uint64_t));
}

Test(cleanup, the_argument_is_kept_until_it_ran)
{
    hapax_set_cleanup_threads(0);
    make_each(MANY, make_with_argument_to_run);
    for (int round = 0; round < 3; round++) {
        /* Queued, and not run: the arguments live through these. */
        collect();
        make_each(MANY, overwrite_free_memory);
    }
    cr_assert_eq(count_dead(weak, MANY), 0);
    size_t ran = hapax_run_cleanups();
    cr_assert_geq(ran, MOST);
    cr_assert_eq(atomic_load(&arguments_found), ran);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static void make_with_argument_not_to_run(size_t i)
{
    void *argument = hapax_alloc(16);
    weak[i] = hapax_weak_make(argument);
    must(hapax_add_cleanup(hapax_alloc(32), not_to_be_called, argument, &names[i]));
}

Test(cleanup, the_argument_is_let_go_by_a_stop_in_the_queue)
{
    /* Nobody comes by to take them out of the queue. */
    hapax_set_cleanup_threads(0);
    make_each(MANY, make_with_argument_not_to_run);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    make_each(MANY, stop);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_eq(hapax_run_cleanups(), 0);
}

static void make_with_argument_inside(size_t i)
{
    char *argument = hapax_alloc(64);
    weak[i] = hapax_weak_make(argument);
    held[i] = hapax_alloc(32);
    must(hapax_add_cleanup(held[i], not_to_be_called, argument + 40, NULL));
}

Test(cleanup, an_argument_inside_an_object_keeps_it)
{
    make_each(MANY, make_with_argument_inside);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

static void make_that_reaches_itself(size_t i)
{
    void **object = hapax_alloc(32), **argument = hapax_alloc(16);
    *argument = object;
    weak[i] = hapax_weak_make(object);
    must(hapax_add_cleanup(object, count_run, argument, NULL));
}

Test(cleanup, an_argument_that_reaches_the_object_keeps_it)
{
    make_each(MANY, make_that_reaches_itself);
    collect_and_wait();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

/* ---- Statistics ---- */

Test(cleanup, statistics_are_exact)
{
    struct hapax_stats stats;
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    make_each(MANY, make_held);
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, MANY);
    cr_assert_eq(stats.cleanups_queued, 0);
    cr_assert_eq(stats.cleanups_run, 0);
    cr_assert_eq(stats.oldest_queued_ns, 0);
    hapax_cleanup_stop(names[0]);
    hapax_cleanup_stop(names[0]);
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, MANY - 1);
    make_each(MANY, drop);
    collect();
    hapax_stats(&stats);
    uint64_t queued = stats.cleanups_queued;
    cr_assert_geq(queued, MOST);
    cr_assert_eq(stats.cleanups_pending, MANY - 1 - queued);
    cr_assert_gt(stats.oldest_queued_ns, 0);
    /* A queued one that is stopped is neither queued nor run. */
    hapax_cleanup_stop(names[MANY / 2]);
    hapax_stats(&stats);
    uint64_t left = stats.cleanups_queued;
    cr_assert_leq(left, queued);
    cr_assert_eq(hapax_run_cleanups(), left);
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_run, left);
    cr_assert_eq(stats.cleanups_queued, 0);
    cr_assert_eq(stats.oldest_queued_ns, 0);
    cr_assert_eq(total_runs(), left);
    /* Those that were stopped do not wait, though they stand in the queue. What lives on of
     * the first ones may die now. */
    make_each(MANY, stop);
    make_each(MANY, make_held);
    make_each(MANY, drop);
    collect();
    hapax_stats(&stats);
    cr_assert_gt(stats.oldest_queued_ns, 0);
    make_each(MANY, stop);
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_queued, 0);
    cr_assert_eq(stats.oldest_queued_ns, 0);
    uint64_t collections = stats.collections;
    collect();
    hapax_stats(&stats);
    cr_assert_eq(stats.collections, collections + 1);
    cr_assert(stats.collector_ns > 0 && stats.last_pause_ns > 0 && stats.last_pause_ns <= stats.collector_ns);
    cr_assert(stats.heap_bytes > 0 && stats.heap_free_bytes <= stats.heap_bytes);
}
