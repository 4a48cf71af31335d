/* SPDX-License-Identifier: MIT */
/* When the library asks for a collection before the heap is full: a clock and a collector of the test's own. */
#include "config.h"

#include "weak/churn.h"
#include "base/clock.h"
#include "collector/collector.h"

#include <criterion/criterion.h>

#include <pthread.h>
#include <stdatomic.h>

/* ---- The clock and the collector ---- */

static uint64_t now;
static atomic_uint collections;

uint64_t monotonic_ns(void)
{
    return now;
}

void collector_collect_early(void)
{
    atomic_fetch_add(&collections, 1u);
}

enum { MANY = 1 << 20, TOOK = 1000, LONG_AFTER = 30 * TOOK };

static void collection(uint64_t evicted)
{
    churn_mark_begin();
    now += TOOK;
    churn_mark_end();
    /* For the dead, who have to be evicted sooner or later: does not count. */
    now += LONG_AFTER;
    churn_reclaim_end(evicted);
}

static void nearly_all_die(void)
{
    churn_added(MANY);
    collection(MANY - MANY / 10);
    atomic_store(&collections, 0u);
    now += LONG_AFTER;
}

/* ---- The tests ---- */

Test(churn, asks_where_objects_die_young)
{
    nearly_all_die();
    churn_added(MANY);
    cr_expect_eq(atomic_load(&collections), 1);
}

Test(churn, asks_once_many_were_added)
{
    nearly_all_die();
    unsigned added = 0;
    for (; atomic_load(&collections) == 0 && added < MANY; added += 32)
        churn_added(32);
    cr_expect_eq(atomic_load(&collections), 1);
    cr_expect_geq(added, 10000, "after %u objects", added);
    churn_added(32);
    cr_expect_eq(atomic_load(&collections), 1, "not again at once");
}

Test(churn, does_not_ask_before_a_collection_has_shown_that_objects_die)
{
    now = LONG_AFTER;
    churn_added(MANY);
    cr_expect_eq(atomic_load(&collections), 0);
}

Test(churn, does_not_ask_where_objects_stay)
{
    nearly_all_die();
    churn_added(MANY);
    collection(MANY / 2);
    atomic_store(&collections, 0u);
    now += LONG_AFTER;
    churn_added(MANY);
    cr_expect_eq(atomic_load(&collections), 0);
}

Test(churn, does_not_ask_while_collections_are_dear)
{
    nearly_all_die();
    now -= LONG_AFTER - 2 * TOOK;
    churn_added(MANY);
    cr_expect_eq(atomic_load(&collections), 0);
    now += LONG_AFTER;
    churn_added(MANY);
    cr_expect_eq(atomic_load(&collections), 1);
}

Test(churn, does_not_ask_while_a_collection_runs)
{
    nearly_all_die();
    churn_mark_begin();
    now += LONG_AFTER;
    churn_added(MANY);
    cr_expect_eq(atomic_load(&collections), 0);
}

static void *add(void *barrier)
{
    pthread_barrier_wait(barrier);
    for (unsigned added = 0; added < MANY; added += 32)
        churn_added(32);
    return NULL;
}

Test(churn, one_of_several_threads_asks)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    pthread_barrier_t barrier;
    nearly_all_die();
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (unsigned i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, add, &barrier), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(atomic_load(&collections), 1);
}
