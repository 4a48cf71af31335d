/* SPDX-License-Identifier: MIT */
/* What the suites of the queue share: objects whose cleanups get into it. */
#ifndef TESTS_QUEUE_CALLS_H
#define TESTS_QUEUE_CALLS_H

#include "support.h"
#include "thread_state.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef HAPAX_HARD_TESTS
enum { SCALE = 200 };   /* collections come all the time there */
#else
enum { SCALE = 1 };
#endif

static hapax_cleanup names[MANY];
static atomic_size_t ran;

static inline void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(queue, .init = start, .timeout = 60);

static inline void must(int result)
{
    if (result != 0)
        abort();
}

static inline void count_run(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ran, 1);
}

static inline void make_counted(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), count_run, NULL, &names[i]));
}

static inline uint64_t queued(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.cleanups_queued;
}

/* Queues about MANY of them. */
static inline size_t queue_many(void)
{
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, make_counted);
    collect();
    cr_assert_geq(queued(), MOST);
    return queued();
}

enum { CALLS = 100 };

/* Queues calls of the function, CALLS at most; how many, says queued(). */
static void (*wanted)(void *);
static inline void make_wanted(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc(32), wanted, NULL, NULL));
}

static inline void queue_calls(void (*function)(void *))
{
    wanted = function;
    make_each(CALLS, make_wanted);
    collect();
}

/* ---- By hand ---- */

/* Draining in several threads at once: each runs once. */
static inline void *drain(void *unused)
{
    (void)unused;
    return (void *)hapax_run_cleanups();
}

/* ---- By threads ---- */

enum { PARALLEL = 4 };
static atomic_size_t inside, most_inside;
static sem_t arrived, go_on;

/* Returns when so many are inside at the same time. */
static inline void meet(void *unused)
{
    (void)unused;
    size_t now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);
    while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
        ;
    sem_post(&arrived);
    sem_wait(&go_on);
    atomic_fetch_sub(&inside, 1);
    atomic_fetch_add(&ran, 1);
}

/* ---- Waiting ---- */

static atomic_int waiter;       /* its thread, once it is there */

/* Whether the thread sleeps. */
static inline bool sleeps(int thread)
{
    char state = thread_state(thread);
    if (state == 0)
        abort();
    return state == 'S';
}

static inline void until_waiter_sleeps(void)
{
    while (atomic_load(&waiter) == 0 || !sleeps(atomic_load(&waiter)))
        usleep(100);
}

#endif
