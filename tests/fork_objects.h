/* SPDX-License-Identifier: MIT */
/* What the suites of forks share: objects that both processes have. */
#ifndef TESTS_FORK_OBJECTS_H
#define TESTS_FORK_OBJECTS_H

#include "support.h"

#include <criterion/criterion.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static inline void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(fork, .init = start, .timeout = 60);

static inline void must(int result)
{
    if (result != 0)
        abort();
}

static void *held[MANY];
static hapax_weak weak[MANY];
static hapax_handle handles[MANY];
static atomic_int runs[MANY];

static inline void count_run(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

static inline size_t total_runs(void)
{
    size_t total = 0;
    for (size_t i = 0; i < MANY; i++)
        total += (size_t)atomic_load(&runs[i]);
    return total;
}

static inline void make_held(size_t i)
{
    held[i] = hapax_alloc(32);
    weak[i] = hapax_weak_make(held[i]);
    must(hapax_add_cleanup(held[i], count_run, &runs[i], NULL));
}

static inline void name(char *text, size_t room, size_t i)
{
    snprintf(text, room, "value %zu", i);
}

static inline void make_handle(size_t i)
{
    char text[40];
    name(text, sizeof text, i);
    handles[i] = hapax_intern(text);
}

static inline int handles_are_canonical(void)
{
    char text[40];
    for (size_t i = 0; i < MANY; i++) {
        name(text, sizeof text, i);
        CHECK(hapax_intern(text) == handles[i] && strcmp(hapax_handle_value(handles[i]), text) == 0);
    }
    return 0;
}

/* ---- The threads of the child ---- */

enum { PARALLEL = 3 };
static sem_t arrived, go_on;

/* ---- Beside a cleanup that runs ---- */

static inline void run_short(void *counter)
{
    for (volatile int i = 0; i < 2000; i++)
        ;
    count_run(counter);
}

static inline void make_short(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), run_short, &runs[i], NULL));
}

#endif
