/* SPDX-License-Identifier: MIT */
/* Cleanups: what they may hang on. */
#include "config.h"

#include "cleanup_objects.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* ---- Mistakes ---- */

Test(cleanup, mistakes_are_refused)
{
    char on_stack, *from_malloc = malloc(10), *object = held[0] = hapax_alloc(50);
    const struct {
        const char *what;
        void *pointer;
        void (*function)(void *);
        void *argument;
    } mistakes[] = {
        {"no pointer", NULL, count_run, NULL},
        {"no function", object, NULL, NULL},
        {"the object as argument", object, not_to_be_called, object},
        {"the object as argument, both inside", object + 20, not_to_be_called, object + 20},
        {"an argument inside", object, not_to_be_called, object + 49},
        {"the base as argument", object + 3, not_to_be_called, object},
        {"a stack", &on_stack, not_to_be_called, NULL},
        {"malloc memory", from_malloc, not_to_be_called, NULL},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        hapax_cleanup name = {7, &name};
        errno = 0;
        cr_expect_eq(hapax_add_cleanup(mistakes[i].pointer, mistakes[i].function, mistakes[i].argument, &name), -1,
                     "%s", mistakes[i].what);
        cr_expect_eq(errno, EINVAL, "%s", mistakes[i].what);
        cr_expect(name.id == 0 && name.record == NULL, "%s", mistakes[i].what);
        cr_expect_eq(hapax_add_cleanup(mistakes[i].pointer, mistakes[i].function, mistakes[i].argument, NULL), -1);
        hapax_cleanup_stop(name);
    }
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, 0);
    free(from_malloc);
}

Test(cleanup, of_static_data_never_runs)
{
    static char fixed;
    hapax_cleanup name = {7, &name};
    cr_assert_eq(hapax_add_cleanup(&fixed, not_to_be_called, NULL, &name), 0);
    cr_assert_eq(hapax_add_cleanup("literal", not_to_be_called, NULL, NULL), 0);
    cr_assert(name.id == 0 && name.record == NULL);
    hapax_cleanup_stop(name);
    collect_and_wait();
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, 0);
}

/* ---- Where ---- */

static pthread_t program_thread;
static atomic_bool in_program_thread;

static void note_thread(void *counter)
{
    if (pthread_equal(pthread_self(), program_thread))
        atomic_store(&in_program_thread, true);
    count_run(counter);
}

static void make_noting(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), note_thread, &runs[i], NULL));
}

Test(cleanup, never_inside_a_call_that_allocates)
{
    program_thread = pthread_self();
    for (int round = 0; round < 20; round++) {
        make_each(MANY, make_noting);
        collect();
        for (size_t i = 0; i < MANY; i++) {
            held[i] = hapax_alloc(64);
            hapax_weak_make(held[i]);
            hapax_intern("a string");
        }
    }
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_geq(total_runs(), 20 * MOST);
    cr_assert_not(atomic_load(&in_program_thread));
}

Test(cleanup, never_inside_a_call_that_allocates_without_executors)
{
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    make_each(MANY, make_dropped);
    collect();
    for (size_t i = 0; i < 10 * MANY; i++) {
        cr_assert(hapax_alloc(64) != NULL && hapax_alloc_plain(64) != NULL);
        hapax_weak_make(hapax_alloc(16));
        must(hapax_add_cleanup(hapax_alloc(16), count_run, &runs[0], NULL));
    }
    cr_assert_eq(total_runs(), 0);
}

static void use_everything(void *counter)
{
    void *object = hapax_alloc(40);
    hapax_weak cell = hapax_weak_make(object);
    hapax_cleanup name;
    hapax_handle handle = hapax_intern("from inside a cleanup");
    struct hapax_stats stats;
    bool right = hapax_weak_value(cell) == object && hapax_pin(object) == 0 && handle != NULL &&
                 hapax_add_cleanup(object, count_run, &runs[MANY - 1], &name) == 0 && hapax_add_roots(&right, 1) == 0;
    hapax_remove_roots(&right, 1);
    hapax_unpin(object);
    hapax_stats(&stats);
    if ((uintptr_t)counter % 64 == 0)
        hapax_collect();
    hapax_cleanup_stop(name);
    if (!right)
        abort();
    count_run(counter);
}

static void make_using_everything(size_t i)
{
    if (i < MANY / 2)
        must(hapax_add_cleanup(hapax_alloc(32), use_everything, &runs[i], NULL));
}

Test(cleanup, may_call_the_library)
{
    make_each(MANY, make_using_everything);
    collect_and_wait();
    cr_assert_geq(total_runs(), MOST / 2);
}

static void make_another(void *counter)
{
    /* Sixteen generations. */
    if (atomic_fetch_add((atomic_int *)counter, 1) < 15)
        must(hapax_add_cleanup(hapax_alloc(32), make_another, counter, NULL));
}

static void make_generations(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), make_another, &runs[i], NULL));
}

Test(cleanup, a_cleanup_may_add_cleanups)
{
    make_each(MANY, make_generations);
    for (int round = 0; round < 20; round++)
        collect_and_wait();
    cr_assert_geq(total_runs(), 15 * MOST);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_leq(atomic_load(&runs[i]), 16);
}
