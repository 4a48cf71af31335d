/* SPDX-License-Identifier: MIT */
/* The queue of cleanups: emptied by hand, stopped in, and what is not in it. */
#include "config.h"

#include "queue_calls.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t oldest_ns(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.oldest_queued_ns;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- By hand ---- */

Test(queue, nothing_runs_with_no_threads)
{
    queue_many();
    collect();
    cr_assert_eq(atomic_load(&ran), 0);
}

Test(queue, run_cleanups_runs_all_and_counts_them)
{
    size_t n = queue_many();
    cr_assert_eq(hapax_run_cleanups(), n);
    cr_assert_eq(atomic_load(&ran), n);
    cr_assert_eq(hapax_run_cleanups(), 0);
    cr_assert_eq(queued(), 0);
}

static void queue_more(void *unused)
{
    (void)unused;
    count_run(NULL);
    if (atomic_load(&ran) == 1) {
        make_each(MANY, make_counted);
        collect();
    }
}

Test(queue, run_cleanups_leaves_what_is_queued_meanwhile)
{
    must(hapax_set_cleanup_threads(0));
    queue_calls(queue_more);
    size_t before = queued();
    cr_assert_gt(before, 0);
    cr_assert_eq(hapax_run_cleanups(), before);
    cr_assert_geq(queued(), MOST);
    before = queued();
    cr_assert_eq(hapax_run_cleanups(), before);
    cr_assert_eq(queued(), 0);
}

static atomic_size_t ran_inside;

static void run_others(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ran_inside, hapax_run_cleanups());
}

Test(queue, run_cleanups_inside_a_cleanup)
{
    must(hapax_set_cleanup_threads(0));
    queue_calls(run_others);
    size_t outer = queued();
    make_each(MANY, make_counted);
    collect();
    size_t all = queued();
    cr_assert_gt(all, outer);
    /* Each is counted by every call that it ran under, directly or not: only the first call is exact. */
    cr_assert_leq(hapax_run_cleanups(), all);
    cr_assert_eq(queued(), 0);
    cr_assert_geq(atomic_load(&ran), MOST);
}

static size_t order[MANY];

static void note_order(void *number)
{
    order[atomic_fetch_add(&ran, 1)] = (uintptr_t)number;
}

static void make_noted(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), note_order, (void *)(i + 1), &names[i]));
}

Test(queue, what_was_stopped_in_the_queue_does_not_run)
{
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, make_noted);
    collect();
    size_t n = queued();
    for (size_t i = 0; i < MANY; i += 2)
        hapax_cleanup_stop(names[i]);
    cr_assert_leq(queued(), n - MOST / 2);
    size_t left = queued();
    cr_assert_eq(hapax_run_cleanups(), left);
    for (size_t i = 0; i < left; i++)
        cr_assert_eq(order[i] % 2, 0);
    cr_assert(hapax_wait_cleanups(0));
}

Test(queue, several_threads_may_drain)
{
    size_t n = queue_many(), drained = 0;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, drain, NULL));
    for (size_t i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        drained += (size_t)result;
    }
    cr_assert_eq(drained, n);
    cr_assert_eq(atomic_load(&ran), n);
}

/* ---- Stopping ---- */

static void be_stopped(void *number)
{
    sem_post(&arrived);
    sem_wait(&go_on);
    hapax_cleanup_stop(names[(uintptr_t)number]);
    atomic_fetch_add(&ran, 1);
}

static void make_to_be_stopped(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), be_stopped, (void *)(uintptr_t)i, &names[i]));
}

Test(queue, stop_never_waits_for_what_runs)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    make_each(CALLS, make_to_be_stopped);
    collect();
    sem_wait(&arrived);
    /* One runs, and goes on; the others are queued, and never begin. */
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < CALLS; i++)
            hapax_cleanup_stop(names[i]);
    cr_assert_eq(queued(), 0);
    cr_assert_eq(atomic_load(&ran), 0);
    sem_post(&go_on);
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_eq(atomic_load(&ran), 1);
    for (size_t i = 0; i < CALLS; i++)
        hapax_cleanup_stop(names[i]);
}

/* ---- What is not in it ---- */

static void make_handle(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "evicted %zu", i);
    hapax_intern(text);
}

Test(queue, evictions_are_no_cleanups)
{
    must(hapax_set_cleanup_threads(0));
    struct hapax_table_stats before, after;
    hapax_table_stats(hapax_strings(), &before);
    make_each(MANY, make_handle);
    collect();
    cr_assert_eq(queued(), 0);
    cr_assert(hapax_wait_cleanups(0));
    cr_assert_eq(hapax_run_cleanups(), 0);
    /* They have happened all the same. */
    hapax_table_stats(hapax_strings(), &after);
    cr_assert_geq(after.evicted, before.evicted + MOST);
    cr_assert_leq(after.live, before.live + FEW);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_run, 0);
    cr_assert_eq(stats.cleanups_pending, 0);
}

/* A table that has become too large for what lives in it is taken together by the thread that collects, too. */
Test(queue, tables_shrink_without_threads)
{
    enum { VALUES = 200000 / SCALE };
    must(hapax_set_cleanup_threads(0));
    struct hapax_table_stats full, empty;
    for (int again = 0; again < 2; again++) {
        hapax_handle *handles = hapax_alloc(VALUES * sizeof *handles);
        for (size_t i = 0; i < VALUES; i++) {
            char text[40];
            snprintf(text, sizeof text, "large table %zu", i);
            handles[i] = hapax_intern(text);
        }
        hapax_table_stats(hapax_strings(), &full);
        memset(handles, 0, VALUES * sizeof *handles);
        collect();
        hapax_table_stats(hapax_strings(), &empty);
        cr_assert_lt(empty.live, full.live / 4);
        if (SCALE == 1) {
            cr_assert_lt(empty.slots, full.slots / 4);
            cr_assert_lt(empty.overhead_bytes, full.overhead_bytes / 4);
        }
    }
    cr_assert_eq(hapax_run_cleanups(), 0);
}

static uint64_t heap_bytes(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.heap_bytes;
}

enum { INSERTERS = 3, INSERTS = 400000 / SCALE };

static void *insert_and_forget(void *number)
{
    for (size_t i = 0; i < INSERTS; i++) {
        char text[60];
        snprintf(text, sizeof text, "value %zu of inserter %zu", i, (size_t)number);
        if (hapax_intern(text) == NULL)
            abort();
    }
    return NULL;
}

/* Values whose memory would be some 100 MB together, and more than that with their places in the table. */
static void insert_very_many(void)
{
    if (heap_bytes() > 16 << 20)
        cr_skip_test("the heap is so large from the beginning that nothing is collected");
    pthread_t threads[INSERTERS];
    for (uintptr_t i = 0; i < INSERTERS; i++)
        must(pthread_create(&threads[i], NULL, insert_and_forget, (void *)i));
    for (size_t i = 0; i < INSERTERS; i++)
        pthread_join(threads[i], NULL);
    struct hapax_stats stats;
    struct hapax_table_stats table;
    hapax_stats(&stats);
    hapax_table_stats(hapax_strings(), &table);
    cr_assert_gt(stats.collections, 0);
    cr_assert_leq(stats.heap_bytes, 32 << 20);
    cr_assert_leq(table.overhead_bytes, 8 << 20);
}

Test(queue, inserts_beside_a_cleanup_that_does_not_end_need_no_more_memory)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    uint64_t start = now_ns();
    queue_calls(meet);
    sem_wait(&arrived);
    insert_very_many();
    cr_assert_eq(atomic_load(&ran), 0);
    /* What waits behind it shows, with an age that is not beyond this test's own. */
    cr_assert_geq(queued(), 10);
    uint64_t age = oldest_ns(), after = now_ns();
    usleep(2000);
    uint64_t passed = now_ns() - after;
    cr_assert_geq(oldest_ns(), age + passed);
    cr_assert_leq(oldest_ns(), now_ns() - start);
}

Test(queue, inserts_without_threads_need_no_more_memory)
{
    must(hapax_set_cleanup_threads(0));
    insert_very_many();
}
