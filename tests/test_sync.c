/* SPDX-License-Identifier: MIT */
/* Waiting for a lock that is held for a moment. src/base/sync.h. */
#include "config.h"

#include "base/sync.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

TestSuite(sync, .timeout = 60);

/* The system's, counted. */
static atomic_uint yields, sleeps;

int sched_yield(void)
{
    atomic_fetch_add(&yields, 1u);
    return (int)syscall(SYS_sched_yield);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
    atomic_fetch_add(&sleeps, 1u);
    return (int)syscall(SYS_clock_nanosleep, clock, flags, time, left);
}

/* A thread with real-time priority that gives the processor away gets it back before all others: a thread that it waits
 * for may never run, if it does nothing else. */
Test(sync, who_waits_long_sleeps)
{
    enum { TURNS = 1000, FEW_TURNS = 100 };
    unsigned turns = 0;
    for (unsigned i = 0; i < TURNS; i++)
        sync_wait_step(&turns);
    cr_expect_leq(atomic_load(&yields), FEW_TURNS);
    cr_expect_geq(atomic_load(&sleeps), TURNS - 2 * FEW_TURNS);
}

static spin_lock lock;

static void *take_and_leave(void *unused)
{
    spin_acquire(&lock);
    spin_release(&lock);
    return unused;
}

Test(sync, who_sleeps_is_not_cancelled)
{
    pthread_t thread;
    void *result;
    spin_acquire(&lock);
    cr_assert_eq(pthread_create(&thread, NULL, take_and_leave, &lock), 0);
    while (atomic_load(&sleeps) < 2)
        (void)syscall(SYS_sched_yield);
    cr_assert_eq(pthread_cancel(thread), 0);
    while (atomic_load(&sleeps) < 10)
        (void)syscall(SYS_sched_yield);
    spin_release(&lock);
    cr_assert_eq(pthread_join(thread, &result), 0);
    cr_expect_eq(result, &lock);
    cr_expect(spin_try_lock(&lock));
}
