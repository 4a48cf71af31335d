/* SPDX-License-Identifier: MIT */
/* Forks beside threads that wait and that work. */
#include "config.h"

#include "fork_objects.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Beside threads that wait ---- */

enum { WAITERS = 4 };
static atomic_int about_to_wait;

static void *wait_for_all(void *unused)
{
    (void)unused;
    /* A thread's first call allocates, and a fork takes a lock of the address sanitizer's allocator along. */
    if (hapax_init() != 0)
        return NULL;
    atomic_fetch_add(&about_to_wait, 1);
    return (void *)(uintptr_t)hapax_wait_cleanups(FOR_EVER);
}

static int wait_in_child(void *unused)
{
    CHECK(hapax_set_cleanup_threads(2) == 0);
    for (int round = 0; round < 5; round++) {
        CHECK(hapax_wait_cleanups(FOR_EVER));
        make_each(MANY, make_short);
        collect();
        pthread_t threads[WAITERS];
        for (size_t i = 0; i < WAITERS; i++)
            CHECK(pthread_create(&threads[i], NULL, wait_for_all, unused) == 0);
        for (size_t i = 0; i < WAITERS; i++) {
            void *result;
            pthread_join(threads[i], &result);
            CHECK(result != NULL);
        }
    }
    return 0;
}

Test(fork, beside_threads_that_wait_for_cleanups)
{
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, make_short);
    collect();
    pthread_t threads[WAITERS];
    for (size_t i = 0; i < WAITERS; i++)
        must(pthread_create(&threads[i], NULL, wait_for_all, NULL));
    while (atomic_load(&about_to_wait) < WAITERS)
        usleep(100);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(in_child(wait_in_child, NULL), 0);
    cr_assert_geq(hapax_run_cleanups(), MOST);
    for (size_t i = 0; i < WAITERS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        cr_assert_not_null(result);
    }
}

/* ---- Beside threads that work ---- */

static atomic_bool done;

static void *work(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    while (!atomic_load(&done)) {
        random = random * 1664525 + 1013904223;
        char text[40];
        snprintf(text, sizeof text, "worked on %u", random >> 20);
        hapax_handle handle = hapax_intern(text);
        void *object = hapax_alloc(16 + (random >> 24));
        if (handle == NULL || hapax_weak_value(hapax_weak_make(object)) != object ||
            hapax_add_cleanup(object, count_run, &runs[random % MANY], NULL) != 0 || hapax_pin(object) != 0)
            abort();
        hapax_unpin(object);
        if (random >> 26 == 0)
            hapax_collect();
    }
    return NULL;
}

static int go_on_in_child(void *unused)
{
    (void)unused;
    CHECK(handles_are_canonical() == 0);
    collect();
    /* Every value that the others were making: once each, and well. */
    static hapax_handle all[4096];
    for (int again = 0; again < 2; again++) {
        for (unsigned i = 0; i < 4096; i++) {
            char text[40];
            snprintf(text, sizeof text, "worked on %u", i);
            hapax_handle handle = hapax_intern(text);
            CHECK(handle != NULL && strcmp(hapax_handle_value(handle), text) == 0);
            CHECK(again == 0 || handle == all[i]);
            all[i] = handle;
        }
        collect();
    }
    memset(all, 0, sizeof all);
    collect();
    struct hapax_table_stats table;
    hapax_table_stats(hapax_strings(), &table);
    CHECK(table.live < 2 * MANY);
    CHECK(hapax_wait_cleanups(FOR_EVER));
    make_each(MANY, make_held);
    memset(held, 0, sizeof held);
    collect();
    CHECK(count_dead(weak, MANY) >= MOST);
    CHECK(hapax_wait_cleanups(FOR_EVER));
    return 0;
}

static void work_and_fork(void (*fork_once)(void))
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("a thread that has just begun holds the address sanitizer's allocator across the fork");
#endif
    make_each(MANY, make_handle);
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (int i = 0; i < 40; i++)
        fork_once();
    atomic_store(&done, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(handles_are_canonical(), 0);
}

static void fork_here(void)
{
    cr_assert_eq(in_child(go_on_in_child, NULL), 0);
}

Test(fork, beside_threads_that_allocate)
{
    work_and_fork(fork_here);
}

static int known_in_child(void *unused)
{
    /* Not every version of the collector lets a thread fork that it does not know. */
    CHECK(GC_thread_is_registered());
    return go_on_in_child(unused);
}

static void *fork_in_unknown_thread(void *unused)
{
    /* The first thing this thread does that anybody hears of. */
    return (void *)(uintptr_t)in_child(known_in_child, unused);
}

static void fork_there(void)
{
    cr_assert_null(in_thread(fork_in_unknown_thread, NULL));
}

Test(fork, from_a_thread_that_nobody_knows)
{
    work_and_fork(fork_there);
}

static atomic_bool enough;

static void *add_and_stop(void *object)
{
    while (!atomic_load(&enough)) {
        hapax_cleanup name;
        must(hapax_add_cleanup(object, count_run, &runs[0], &name));
        hapax_cleanup_stop(name);
    }
    return NULL;
}

static int add_in_child(void *unused)
{
    for (int i = 0; i < 200; i++)
        must(hapax_add_cleanup(held[0], count_run, &runs[0], unused));
    return 0;
}

Test(fork, beside_threads_that_add_and_stop_cleanups)
{
    pthread_t threads[4];
    held[0] = hapax_alloc(16);
    for (size_t i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, add_and_stop, held[0]));
    for (int i = 0; i < 100; i++)
        cr_assert_eq(in_child(add_in_child, NULL), 0);
    atomic_store(&enough, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, 0);
}

static void never_run(void *object, void *argument)
{
    (void)object;
    (void)argument;
    abort();
}

static void set_and_remove(void *object)
{
    must(hapax_set_finalizer(object, never_run, NULL));
    must(hapax_set_finalizer(object, NULL, NULL));
}

static void *set_and_remove_all_the_time(void *object)
{
    while (!atomic_load(&enough))
        set_and_remove(object);
    return NULL;
}

static int set_in_child(void *unused)
{
    (void)unused;
    void *object = hapax_alloc(16);
    for (int i = 0; i < 200; i++)
        set_and_remove(object);
    return 0;
}

/* A thread that sets a finalizer looks for its object in every table. */
Test(fork, beside_threads_that_set_finalizers)
{
    enum { TABLES = 64 };
    static hapax_table *tables[TABLES];
    for (int i = 0; i < TABLES; i++)
        cr_assert_not_null(tables[i] = hapax_table_new(NULL, 0));
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++)
        must(pthread_create(&threads[i], NULL, set_and_remove_all_the_time, held[i] = hapax_alloc(16)));
    for (int i = 0; i < 100; i++)
        cr_assert_eq(in_child(set_in_child, NULL), 0);
    atomic_store(&enough, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    hapax_keep_alive(tables);
}
