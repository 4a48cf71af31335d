/* SPDX-License-Identifier: MIT */
/* What the suites of tables share. */
#ifndef TESTS_TABLE_NUMBERS_H
#define TESTS_TABLE_NUMBERS_H

#include "dying.h"

#include <criterion/criterion.h>
#include <stdio.h>

/* The hard build has few hashes, so long chains: smaller tables there, and no expectations of their shape. */
#ifdef HAPAX_HARD_TESTS
enum { SCALE = 20 };
static const bool hashes_are_good = false;
#else
enum { SCALE = 1 };
static const bool hashes_are_good = true;
#endif

static inline void begin(void)
{
    GC_INIT();
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(table, .init = begin, .timeout = 60);

static inline hapax_handle make(hapax_table *table, unsigned number)
{
    char text[40];
    int length = snprintf(text, sizeof text, "value %u", number);
    return hapax_make_handle(table, text, (size_t)length);
}

static inline hapax_handle find(hapax_table *table, unsigned number)
{
    char text[40];
    int length = snprintf(text, sizeof text, "value %u", number);
    return hapax_find_handle(table, text, (size_t)length);
}

static inline struct hapax_table_stats stats_of(hapax_table *table)
{
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    return stats;
}

static NOINLINE void make_and_forget(hapax_table *table, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++)
        cr_assert_not_null(make(table, i));
}

static inline hapax_handle *make_and_hold(hapax_table *table, unsigned n)
{
    hapax_handle *handles = hapax_alloc(n * sizeof *handles);
    for (unsigned i = 0; i < n; i++)
        cr_assert_not_null(handles[i] = make(table, i));
    return handles;
}

/* ---- Keeping values ---- */

struct node {
    hapax_handle left, right;
};

#endif
