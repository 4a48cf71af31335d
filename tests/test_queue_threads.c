/* SPDX-License-Identifier: MIT */
/* The queue of cleanups: the threads that empty it. */
#include "config.h"

#include "queue_calls.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- By threads ---- */

Test(queue, one_thread_by_default)
{
    make_each(MANY, make_counted);
    collect();
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_geq(atomic_load(&ran), MOST);
}

Test(queue, a_thread_takes_up_what_was_queued_without_one)
{
    size_t n = queue_many();
    must(hapax_set_cleanup_threads(1));
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_eq(atomic_load(&ran), n);
}

Test(queue, several_run_in_parallel)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    must(hapax_set_cleanup_threads(PARALLEL));
    queue_calls(meet);
    for (int i = 0; i < PARALLEL; i++)
        sem_wait(&arrived);
    cr_assert_eq(atomic_load(&inside), PARALLEL);
    for (int i = 0; i < CALLS; i++)
        sem_post(&go_on);
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_eq(atomic_load(&most_inside), PARALLEL);
}

static void *take_threads_away(void *unused)
{
    (void)unused;
    hapax_init();
    atomic_store(&waiter, gettid());
    return (void *)(intptr_t)hapax_set_cleanup_threads(0);
}

Test(queue, fewer_threads_returns_when_those_taken_away_are_idle)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    must(hapax_set_cleanup_threads(PARALLEL));
    queue_calls(meet);
    for (int i = 0; i < PARALLEL; i++)
        sem_wait(&arrived);
    pthread_t setter;
    must(pthread_create(&setter, NULL, take_threads_away, NULL));
    /* All four are inside: it waits until the last is out, for as long as that takes. */
    void *result;
    until_waiter_sleeps();
    for (int again = 0; again < 20; again++) {
        usleep(1000);
        cr_assert_eq(pthread_tryjoin_np(setter, &result), EBUSY);
    }
    do
        sem_post(&go_on);
    while (usleep(100), pthread_tryjoin_np(setter, &result) == EBUSY);
    cr_assert_eq((intptr_t)result, 0);
    cr_assert_eq(atomic_load(&inside), 0);
    size_t before = atomic_load(&ran);
    cr_assert_geq(before, PARALLEL);
    for (int i = 0; i < CALLS; i++)
        sem_post(&go_on);
    cr_assert_not(hapax_wait_cleanups(20), "nobody is left to run them");
    cr_assert_eq(atomic_load(&ran), before);
}

static void take_all_away(void *unused)
{
    (void)unused;
    if (hapax_set_cleanup_threads(0) != 0)
        abort();
    count_run(NULL);
    sem_post(&arrived);
}

Test(queue, a_cleanup_may_take_its_own_thread_away)
{
    sem_init(&arrived, 0, 0);
    queue_calls(take_all_away);
    sem_wait(&arrived);
    /* A second caller waits for that thread to be gone. */
    must(hapax_set_cleanup_threads(0));
    size_t before = atomic_load(&ran);
    cr_assert_eq(before, 1);
    cr_assert_not(hapax_wait_cleanups(20));
    cr_assert_eq(atomic_load(&ran), before);
    cr_assert_geq(hapax_run_cleanups(), 10);
}

static pthread_barrier_t two;

static void take_all_away_together(void *unused)
{
    if (atomic_fetch_add(&inside, 1) < 2) {
        pthread_barrier_wait(&two);
        take_all_away(unused);
    }
}

Test(queue, two_cleanups_may_take_their_threads_away_at_once)
{
    sem_init(&arrived, 0, 0);
    pthread_barrier_init(&two, NULL, 2);
    must(hapax_set_cleanup_threads(2));
    queue_calls(take_all_away_together);
    sem_wait(&arrived);
    sem_wait(&arrived);
    must(hapax_set_cleanup_threads(0));
    cr_assert_eq(atomic_load(&ran), 2);
}

Test(queue, threads_come_and_go)
{
    for (unsigned round = 0; round < 30; round++) {
        must(hapax_set_cleanup_threads(round * 7 % 5));
        make_each(CALLS, make_counted);
        collect();
    }
    must(hapax_set_cleanup_threads(2));
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_eq(queued(), 0);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_run, atomic_load(&ran));
}

/* ---- The threads themselves ---- */

static atomic_int signal_taken;

static void note_signal(int number)
{
    atomic_store(&signal_taken, number);
}

static void check_signals(void *unused)
{
    (void)unused;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (sigismember(&blocked, SIGUSR1) && sigismember(&blocked, SIGALRM) && sigismember(&blocked, SIGINT))
        atomic_fetch_add(&ran, 1);
}

Test(queue, the_programs_signals_stay_with_its_threads)
{
    signal(SIGUSR1, note_signal);
    queue_calls(check_signals);
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_geq(atomic_load(&ran), 10);
    kill(getpid(), SIGUSR1);
    cr_assert_eq(atomic_load(&signal_taken), SIGUSR1);
}

Test(queue, many_generations_need_no_more_memory)
{
    /* Records are used again. */
    struct hapax_stats stats;
    uint64_t heap = 0;
    for (int round = 0; round < 100; round++) {
        make_each(MANY, make_counted);
        collect();
        cr_assert(hapax_wait_cleanups(FOR_EVER));
        hapax_stats(&stats);
        if (round == 10)
            heap = stats.heap_bytes;
    }
    cr_assert_leq(stats.heap_bytes, heap + (1 << 20));
    cr_assert_geq(atomic_load(&ran), 100 * MOST);
}
