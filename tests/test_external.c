/* SPDX-License-Identifier: MIT */
/* Memory outside the heap that collected objects keep in use: hapax_external_memory. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>

#define MEGABYTE ((ptrdiff_t)1 << 20)

static uint64_t collections(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.collections;
}

/* Whether so much that is new makes the library collect. */
static bool collects_for(ptrdiff_t bytes)
{
    uint64_t before = collections();
    hapax_external_memory(bytes);
    return collections() > before;
}

static ptrdiff_t outstanding;

static void release(void *unused)
{
    (void)unused;
    outstanding -= MEGABYTE;
    hapax_external_memory(-MEGABYTE);
}

static NOINLINE void make(void)
{
    void *object = hapax_alloc(32);
    cr_assert_eq(hapax_add_cleanup(object, release, NULL, NULL), 0);
    outstanding += MEGABYTE;
    hapax_external_memory(MEGABYTE);
}

/* Small objects whose cleanups free much: without the hint all of it piles up, since the heap stays small. */
static void expect_that_little_piles_up(void)
{
    enum { N = 4000, EACH = 10 };
    ptrdiff_t most = 0;
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    for (unsigned i = 0; i < N; i++) {
        make();
        most = outstanding > most ? outstanding : most;
        if (i % EACH == 0)
            hapax_run_cleanups();
    }
    cr_expect_lt(most, N / 10 * MEGABYTE, "%td MiB were outstanding", most / MEGABYTE);
}

Test(external, does_not_pile_up)
{
    expect_that_little_piles_up();
}

Test(external, does_not_pile_up_where_collections_go_in_steps)
{
    GC_INIT();
    GC_enable_incremental();
    if (!GC_is_incremental_mode())
        cr_skip_test("there is no incremental mode");
    expect_that_little_piles_up();
}

/* What lives makes collections rare in proportion. */
Test(external, counts_in_proportion_to_what_lives)
{
    hapax_init();
    cr_expect(collects_for(3000 * MEGABYTE));
    uint64_t before = collections();
    for (unsigned i = 0; i < 500; i++)
        hapax_external_memory(MEGABYTE);
    cr_expect_eq(collections(), before);
    hapax_external_memory(-3500 * MEGABYTE);
    cr_expect_eq(collections(), before);
    cr_expect(collects_for(100 * MEGABYTE));
}

Test(external, little_is_no_reason_to_collect)
{
    hapax_init();
    uint64_t before = collections();
    for (unsigned i = 0; i < 1000; i++) {
        hapax_external_memory(1000);
        hapax_external_memory(-1000);
    }
    hapax_external_memory(0);
    cr_expect_eq(collections(), before);
}

/* A thread that says too often that something has gone does not turn the hint off. */
Test(external, never_counts_less_than_nothing)
{
    hapax_external_memory(-1000000 * MEGABYTE);
    hapax_external_memory(PTRDIFF_MIN);
    errno = 77;
    cr_expect(collects_for(100 * MEGABYTE));
    cr_expect_eq(errno, 77);
    /* Nor does one who says that there is more than there can be. */
    for (unsigned i = 0; i < 5; i++)
        hapax_external_memory(PTRDIFF_MAX);
    for (unsigned i = 0; i < 5; i++)
        hapax_external_memory(PTRDIFF_MIN);
    cr_expect(collects_for(100 * MEGABYTE));
}

enum { THREADS = 8, ROUNDS = 100000 };

static void *come_and_go(void *unused)
{
    (void)unused;
    for (unsigned i = 0; i < ROUNDS; i++) {
        hapax_external_memory(1000 * MEGABYTE);
        hapax_external_memory(-1000 * MEGABYTE);
    }
    return NULL;
}

/* No call is lost beside another: a gigabyte too much would be a reason to wait. */
Test(external, threads_count_together)
{
    pthread_t threads[THREADS];
    /* So much lives that nobody collects. */
    hapax_external_memory(PTRDIFF_MAX / 2);
    for (unsigned i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    hapax_external_memory(-(PTRDIFF_MAX / 2));
    hapax_collect();
    cr_expect(collects_for(100 * MEGABYTE));
}
