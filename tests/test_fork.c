/* SPDX-License-Identifier: MIT */
/* Forks: both processes go on with all they had. */
#include "config.h"

#include "fork_objects.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <string.h>

/* ---- What was there before ---- */

static int values_in_child(void *unused)
{
    (void)unused;
    CHECK(handles_are_canonical() == 0);
    CHECK(count_dead(weak, MANY) == 0);
    for (size_t i = 0; i < MANY; i++)
        CHECK(hapax_weak_make(held[i]) == weak[i] && hapax_weak_value(weak[i]) == held[i]);
    collect();
    CHECK(handles_are_canonical() == 0);
    CHECK(count_dead(weak, MANY) == 0);
    memset(held, 0, sizeof held);
    collect();
    CHECK(count_dead(weak, MANY) >= MOST);
    return 0;
}

Test(fork, handles_and_weak_pointers_stay)
{
    make_each(MANY, make_held);
    make_each(MANY, make_handle);
    cr_assert_eq(in_child(values_in_child, NULL), 0);
    collect();
    cr_assert_eq(handles_are_canonical(), 0);
    cr_assert_eq(count_dead(weak, MANY), 0, "what dies in the child lives here");
}

static int collect_and_run(void *unused)
{
    (void)unused;
    memset(held, 0, sizeof held);
    collect();
    CHECK(hapax_wait_cleanups(FOR_EVER));
    CHECK(total_runs() >= MOST);
    for (size_t i = 0; i < MANY; i++)
        CHECK(atomic_load(&runs[i]) <= 1);
    return 0;
}

static int collect_and_run_twice(void *unused)
{
    CHECK(in_child(collect_and_run, unused) == 0);
    return collect_and_run(unused);
}

Test(fork, both_processes_run_every_cleanup)
{
    make_each(MANY, make_held);
    cr_assert_eq(in_child(collect_and_run, NULL), 0);
    cr_assert_eq(in_child(collect_and_run_twice, NULL), 0, "and a child of the child");
    cr_assert_eq(total_runs(), 0);
    cr_assert_eq(collect_and_run(NULL), 0);
}

static int run_by_hand(void *queued)
{
    CHECK(!hapax_wait_cleanups(20));
    CHECK(hapax_run_cleanups() == *(uint64_t *)queued);
    CHECK(total_runs() == *(uint64_t *)queued);
    return 0;
}

Test(fork, what_is_queued_is_queued_in_both)
{
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, make_held);
    memset(held, 0, sizeof held);
    collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_geq(stats.cleanups_queued, MOST);
    cr_assert_eq(in_child(run_by_hand, &stats.cleanups_queued), 0);
    cr_assert_eq(run_by_hand(&stats.cleanups_queued), 0);
}

static int wait_only(void *unused)
{
    (void)unused;
    CHECK(hapax_wait_cleanups(FOR_EVER));
    CHECK(total_runs() >= MOST);
    return 0;
}

Test(fork, threads_of_the_child_take_up_what_is_queued)
{
    make_each(MANY, make_held);
    memset(held, 0, sizeof held);
    collect();
    cr_assert_eq(in_child(wait_only, NULL), 0);
    cr_assert_eq(wait_only(NULL), 0);
}

/* ---- The threads of the child ---- */

static void meet(void *unused)
{
    (void)unused;
    sem_post(&arrived);
    sem_wait(&go_on);
}

static void make_meeting(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc(32), meet, NULL, NULL));
}

static int meet_in_child(void *unused)
{
    (void)unused;
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    make_each(100, make_meeting);
    collect();
    for (int i = 0; i < PARALLEL; i++)
        sem_wait(&arrived);
    for (int i = 0; i < 100; i++)
        sem_post(&go_on);
    CHECK(hapax_wait_cleanups(FOR_EVER));
    CHECK(hapax_set_cleanup_threads(0) == 0);
    return 0;
}

Test(fork, the_child_has_as_many_threads)
{
    must(hapax_set_cleanup_threads(PARALLEL));
    cr_assert_eq(in_child(meet_in_child, NULL), 0);
    cr_assert_eq(meet_in_child(NULL), 0);
}

/* ---- The child without a word ---- */

static int say_nothing(void *unused)
{
    (void)unused;
    return 0;
}

Test(fork, a_child_that_only_ends)
{
    make_each(MANY, make_held);
    for (int i = 0; i < 50; i++)
        cr_assert_eq(in_child(say_nothing, NULL), 0);
}
