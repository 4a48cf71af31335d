/* SPDX-License-Identifier: MIT */
/* What the suites of handles share: a table, and texts for it. */
#ifndef TESTS_HANDLE_TEXTS_H
#define TESTS_HANDLE_TEXTS_H

#include "dying.h"

#include <criterion/criterion.h>
#include <stdio.h>

static hapax_table *table;

static inline void begin(void)
{
    GC_INIT();
    table = hapax_table_new(NULL, 0);
    cr_assert_not_null(table);
}

TestSuite(handle, .init = begin, .timeout = 60);

static inline hapax_handle make_text(const char *text)
{
    return hapax_make_handle(table, text, strlen(text));
}

static inline hapax_handle find_text(const char *text)
{
    return hapax_find_handle(table, text, strlen(text));
}

/* A text of its own for each number, of 10 bytes and more. */
static inline const char *text_of(unsigned number)
{
    static char text[64];
    snprintf(text, sizeof text, "number %0*u", (int)(number % 29) + 3, number);
    return text;
}

#endif
