/* SPDX-License-Identifier: MIT */
/* Pins and root ranges, from inside: src/runtime/counted_set.h. */
#include "config.h"

#include "runtime/counted_set.h"

#include <hapax.h>

#include <criterion/criterion.h>
#include <pthread.h>

enum { N = 20000 };

static struct counted_set set;

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(counted_set, .init = start);

static uintptr_t start_of(size_t i)
{
    return 4096 + 16 * i;
}

static void add_all(size_t step)
{
    for (size_t i = 0; i < N; i += step)
        cr_assert(counted_set_add(&set, start_of(i), i % 5, NULL));
}

static void remove_all(size_t step, bool is_there)
{
    for (size_t i = 0; i < N; i += step)
        cr_assert_eq(counted_set_remove(&set, start_of(i), i % 5), is_there);
}

Test(counted_set, counts)
{
    add_all(1);
    add_all(2);
    cr_expect_eq(set.used, N);
    remove_all(1, true);
    cr_expect_eq(set.used, N / 2);
    remove_all(2, true);
    cr_expect_eq(set.used, 0);
    remove_all(1, false);
    cr_expect_not(counted_set_remove(&set, start_of(0), 1));
}

/* What every collection goes through is in proportion to what is there now. */
Test(counted_set, becomes_narrow_again)
{
    for (unsigned round = 0; round < 3; round++) {
        add_all(1);
        cr_expect_gt(set.room, N);
        cr_expect_leq(set.room, 4 * N);
        for (size_t i = 0; i < N; i++)
            if (i % 100 != 0)
                cr_assert(counted_set_remove(&set, start_of(i), i % 5));
        cr_expect_eq(set.used, N / 100);
        cr_expect_leq(set.room, N / 100 * 16);
        remove_all(100, true);
        cr_expect_leq(set.room, 16);
    }
}

enum { THREADS = 4, ROUNDS = 50, BATCH = 300 };

static void *come_and_go(void *data)
{
    uintptr_t mine = (uintptr_t)data << 32;
    hapax_init();
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < BATCH; i++)
            cr_assert(counted_set_add(&set, mine + start_of(i), 0, NULL));
        for (size_t i = 0; i < BATCH; i++)
            cr_assert(counted_set_remove(&set, mine + start_of(i), 0));
    }
    return NULL;
}

Test(counted_set, threads_come_and_go)
{
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, come_and_go, (void *)(i + 1)), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(set.used, 0);
    cr_expect_leq(set.room, 16);
}
