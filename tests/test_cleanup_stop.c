/* SPDX-License-Identifier: MIT */
/* Cleanups: stopping, and several threads. */
#include "config.h"

#include "cleanup_objects.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

/* ---- Stopping ---- */

static void make_two(size_t i)
{
    void *object = hapax_alloc(32);
    weak[i] = hapax_weak_make(object);
    must(hapax_add_cleanup(object, not_to_be_called, NULL, &names[i]));
    must(hapax_add_cleanup(object, count_run, &runs[i], NULL));
    hapax_cleanup_stop(names[i]);
    hapax_cleanup_stop(names[i]);
}

Test(cleanup, stop_removes_exactly_that_one)
{
    make_each(MANY, make_two);
    make_each(MANY, stop);
    collect_and_wait();
    make_each(MANY, stop);
    cr_assert_geq(total_runs(), MOST);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_leq(atomic_load(&runs[i]), 1);
}

Test(cleanup, stop_after_it_ran_is_harmless)
{
    make_each(MANY, make_dropped);
    collect_and_wait();
    size_t before = total_runs();
    make_each(MANY, stop);
    /* The records are used again: the old names mean nothing to the new ones. */
    static hapax_cleanup old[MANY];
    memcpy(old, names, sizeof names);
    make_each(MANY, make_held);
    for (size_t i = 0; i < MANY; i++)
        hapax_cleanup_stop(old[i]);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_geq(stats.cleanups_pending, MANY);
    make_each(MANY, drop);
    collect_and_wait();
    cr_assert_geq(total_runs() - before, MOST);
}

Test(cleanup, stop_of_nothing_is_harmless)
{
    errno = 77;
    hapax_cleanup_stop((hapax_cleanup){0, NULL});
    cr_assert_eq(errno, 77);
}

static void stop_itself(void *number)
{
    hapax_cleanup_stop(names[(uintptr_t)number]);
    atomic_fetch_add(&runs[(uintptr_t)number], 1);
}

static void make_that_stops_itself(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), stop_itself, (void *)(uintptr_t)i, &names[i]));
}

Test(cleanup, stop_from_inside_is_harmless)
{
    make_each(MANY, make_that_stops_itself);
    collect_and_wait();
    collect_and_wait();
    cr_assert_geq(total_runs(), MOST);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_leq(atomic_load(&runs[i]), 1);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_run, total_runs());
    cr_assert_eq(stats.cleanups_queued, 0);
}

Test(cleanup, names_are_distinct)
{
    make_each(MANY, make_held);
    for (size_t i = 0; i < MANY; i++) {
        cr_assert(names[i].id != 0 && names[i].record != NULL);
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(names[i].id, names[j].id);
    }
}

/* ---- From several threads ---- */

static void count_ran(void *stopped)
{
    (void)stopped;
    atomic_fetch_add(&ran, 1);
}

static void *add_and_stop(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    hapax_cleanup mine[64];
    memset(mine, 0, sizeof mine);
    for (int i = 0; i < EACH; i++) {
        random = random * 1664525 + 1013904223;
        size_t at = random >> 26;
        hapax_cleanup_stop(mine[at]);
        must(hapax_add_cleanup(hapax_alloc(24), count_ran, NULL, &mine[at]));
        if (i % 4000 == 0)
            hapax_collect();
    }
    return NULL;
}

Test(cleanup, nothing_is_lost_between_threads)
{
    cr_assert_eq(hapax_set_cleanup_threads(2), 0);
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, add_and_stop, (void *)(i + 1)), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int round = 0; round < 3; round++)
        collect_and_wait();
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_queued, 0);
    cr_assert_eq(stats.cleanups_run, atomic_load(&ran));
    cr_assert_leq(stats.cleanups_pending, 100);
    cr_assert_geq(atomic_load(&ran), 100);
}
