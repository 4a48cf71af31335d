/* SPDX-License-Identifier: MIT */
/* What the suites of cleanups share. */
#ifndef TESTS_CLEANUP_OBJECTS_H
#define TESTS_CLEANUP_OBJECTS_H

#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

static hapax_weak weak[MANY];
/* Volatile: most of them are only written, and the compiler would leave that out. */
static void *volatile held[MANY];
static hapax_cleanup names[MANY];
static atomic_int runs[MANY];

static inline void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(cleanup, .init = start);

static inline void count_run(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

static inline void not_to_be_called(void *unused)
{
    (void)unused;
    abort();
}

static inline void must(int result)
{
    if (result != 0)
        abort();
}

static inline size_t total_runs(void)
{
    size_t total = 0;
    for (size_t i = 0; i < MANY; i++)
        total += (size_t)atomic_load(&runs[i]);
    return total;
}

static inline void collect_and_wait(void)
{
    collect();
    cr_assert(hapax_wait_cleanups(FOR_EVER));
}

static inline void make_dropped(size_t i)
{
    void *object = hapax_alloc(32);
    weak[i] = hapax_weak_make(object);
    must(hapax_add_cleanup(object, count_run, &runs[i], &names[i]));
}

static inline void make_held(size_t i)
{
    held[i] = hapax_alloc(32);
    must(hapax_add_cleanup(held[i], count_run, &runs[i], &names[i]));
}

static inline void drop(size_t i)
{
    held[i] = NULL;
}

/* ---- The argument ---- */

static inline void stop(size_t i)
{
    hapax_cleanup_stop(names[i]);
}

/* ---- From several threads ---- */

enum { THREADS = 4, EACH = 20000 };
static atomic_size_t ran;

#endif
