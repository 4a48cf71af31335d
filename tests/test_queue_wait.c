/* SPDX-License-Identifier: MIT */
/* The queue of cleanups: waiting until it is empty. */
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

/* ---- Waiting ---- */

static atomic_bool all_turned;

static void *want_a_thread(void *unused)
{
    while (!atomic_load(&all_turned))
        must(hapax_set_cleanup_threads(1));
    return unused;
}

/* Who waits for threads to go away waits no longer once they are wanted again. */
Test(queue, threads_are_taken_away_while_others_want_them)
{
    pthread_t other;
    cr_assert_eq(pthread_create(&other, NULL, want_a_thread, NULL), 0);
    for (time_t end = time(NULL) + 2; time(NULL) < end;)
        must(hapax_set_cleanup_threads(0));
    atomic_store(&all_turned, true);
    cr_assert_eq(pthread_join(other, NULL), 0);
}

Test(queue, wait_is_false_where_nobody_runs_them)
{
    queue_many();
    cr_assert_not(hapax_wait_cleanups(0));
    cr_assert_not(hapax_wait_cleanups(20));
    hapax_run_cleanups();
    cr_assert(hapax_wait_cleanups(0));
}

Test(queue, wait_is_true_where_nothing_is_queued)
{
    cr_assert(hapax_wait_cleanups(0));
    must(hapax_set_cleanup_threads(0));
    cr_assert(hapax_wait_cleanups(0));
    make_counted(0);
    cr_assert(hapax_wait_cleanups(0));
}

Test(queue, wait_ends_when_another_thread_has_drained)
{
    size_t n = queue_many();
    pthread_t thread;
    must(pthread_create(&thread, NULL, drain, NULL));
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_eq(atomic_load(&ran), n);
    pthread_join(thread, NULL);
}

static void *stop_all(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < MANY; i++)
        hapax_cleanup_stop(names[i]);
    return NULL;
}

Test(queue, wait_ends_when_the_queued_are_stopped)
{
    queue_many();
    pthread_t thread;
    must(pthread_create(&thread, NULL, stop_all, NULL));
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&ran), 0);
    cr_assert_eq(queued(), 0);
    cr_assert_eq(hapax_run_cleanups(), 0);
}

Test(queue, wait_waits_for_what_is_running)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    queue_calls(meet);
    sem_wait(&arrived);
    for (size_t left = queued(); left > 0; left--)
        sem_post(&go_on);
    /* One is inside for as long as it is not told to go on. */
    while (queued() > 0)
        sem_wait(&arrived);
    cr_assert_not(hapax_wait_cleanups(20));
    sem_post(&go_on);
    cr_assert(hapax_wait_cleanups(FOR_EVER));
}

static atomic_bool waited_well;

static void wait_inside(void *unused)
{
    (void)unused;
    /* Everything else that was queued before is done, or was queued by then and is nobody else's. */
    if (atomic_fetch_add(&ran, 1) + 1 == atomic_load(&most_inside))
        atomic_store(&waited_well, hapax_wait_cleanups(FOR_EVER));
}

Test(queue, wait_inside_a_cleanup_does_not_wait_for_its_caller)
{
    must(hapax_set_cleanup_threads(0));
    queue_calls(wait_inside);
    atomic_store(&most_inside, queued());
    hapax_run_cleanups();
    cr_assert(atomic_load(&waited_well), "by hand");

    atomic_store(&waited_well, false);
    atomic_store(&ran, 0);
    queue_calls(wait_inside);
    atomic_store(&most_inside, queued());
    must(hapax_set_cleanup_threads(1));
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert(atomic_load(&waited_well), "in the library's thread");
}

static void *wait_for_what_was_queued(void *unused)
{
    (void)unused;
    hapax_init();
    atomic_store(&waiter, gettid());
    return (void *)(uintptr_t)hapax_wait_cleanups(FOR_EVER);
}

Test(queue, wait_does_not_wait_for_what_comes_later)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    queue_calls(meet);
    sem_wait(&arrived);
    size_t before = 1 + queued();
    pthread_t thread;
    must(pthread_create(&thread, NULL, wait_for_what_was_queued, NULL));
    until_waiter_sleeps();
    queue_calls(meet);
    cr_assert_geq(queued(), before);
    for (size_t i = 0; i < before; i++)
        sem_post(&go_on);
    /* The next one is inside by now, and stays there. */
    void *result;
    pthread_join(thread, &result);
    cr_assert_not_null(result);
    cr_assert_eq(atomic_load(&ran), before);
    cr_assert_not(hapax_wait_cleanups(0));
}

static void *wait_in_thread(void *milliseconds)
{
    return (void *)(uintptr_t)hapax_wait_cleanups((unsigned)(uintptr_t)milliseconds);
}

static sem_t may_end;

static void run_until_told(void *unused)
{
    (void)unused;
    while (sem_wait(&may_end) != 0)
        ;
}

static void make_slow(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc(32), run_until_told, NULL, NULL));
}

static void *wait_for_all(void *waits)
{
    atomic_store((atomic_bool *)waits, true);
    (void)hapax_wait_cleanups(FOR_EVER);
    return NULL;
}

Test(queue, a_thread_that_is_cancelled_while_it_waits_leaves_nothing_locked)
{
    cr_assert_eq(sem_init(&may_end, 0, 0), 0);
    make_each(MANY, make_slow);
    collect();
    atomic_bool waits = false;
    pthread_t waiter;
    cr_assert_eq(pthread_create(&waiter, NULL, wait_for_all, &waits), 0);
    while (!atomic_load(&waits))
        usleep(1000);
    usleep(20000);
    cr_assert_eq(pthread_cancel(waiter), 0);
    for (unsigned i = 0; i < MANY; i++)
        sem_post(&may_end);
    cr_assert_eq(pthread_join(waiter, NULL), 0);
    cr_assert(hapax_wait_cleanups(FOR_EVER));
}

Test(queue, wait_from_several_threads)
{
    pthread_t threads[4];
    queue_many();
    for (size_t i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, wait_in_thread, (void *)(uintptr_t)FOR_EVER));
    must(hapax_set_cleanup_threads(3));
    for (size_t i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        cr_assert_not_null(result);
    }
    cr_assert_eq(queued(), 0);
}
