/* SPDX-License-Identifier: MIT */
/* Symbols: names known when the program is written. */
#include "config.h"

#include <hapax.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES = 3000 };

static char texts[NAMES][16];
static const char *names[NAMES];

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(texts[i], sizeof texts[i], "name %zu", i);
        names[i] = texts[i];
    }
}

TestSuite(symbols, .init = start);

Test(symbols, of_every_number_are_found)
{
    for (size_t n = 0; n < NAMES; n += n < 20 ? 1 : n / 2) {
        hapax_symbols *symbols = hapax_symbols_new(hapax_strings(), names, n);
        cr_assert_not_null(symbols);
        for (size_t i = 0; i < n; i++) {
            hapax_handle handle = hapax_intern(names[i]);
            cr_assert_eq(hapax_symbols_handle(symbols, i), handle);
            cr_assert_eq(hapax_symbols_index(symbols, handle), (int)i);
        }
        for (size_t i = n; i < NAMES; i += 7)
            cr_assert_eq(hapax_symbols_index(symbols, hapax_intern(names[i])), -1);
    }
}

Test(symbols, keep_their_handles_alive)
{
    hapax_table *table = hapax_table_new(NULL, 0);
    hapax_symbols *symbols = hapax_symbols_new(table, names, NAMES);
    for (int i = 0; i < 3; i++)
        hapax_collect();
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_assert_eq(stats.live, NAMES);
    for (size_t i = 0; i < NAMES; i++)
        cr_assert_eq(hapax_symbols_index(symbols, hapax_make_handle(table, names[i], strlen(names[i]))), (int)i);
}

Test(symbols, outlive_the_names_that_made_them)
{
    hapax_symbols *symbols = hapax_symbols_new(hapax_strings(), names, NAMES);
    memset(texts, 'x', sizeof texts);
    char text[16];
    for (size_t i = 0; i < NAMES; i++) {
        snprintf(text, sizeof text, "name %zu", i);
        cr_assert_str_eq(hapax_string(hapax_symbols_handle(symbols, i)), text);
    }
}

Test(symbols, of_another_table_are_none)
{
    hapax_symbols *symbols = hapax_symbols_new(hapax_strings(), names, NAMES);
    hapax_table *other = hapax_table_new(NULL, 0);
    for (size_t i = 0; i < NAMES; i++)
        cr_assert_eq(hapax_symbols_index(symbols, hapax_make_handle(other, names[i], strlen(names[i]))), -1);
    cr_assert_eq(hapax_symbols_index(symbols, NULL), -1);
    cr_assert_eq(hapax_symbols_index(NULL, hapax_intern("name 1")), -1);
}

static void expect_refused(hapax_table *table, const char *const *list, size_t n)
{
    errno = 0;
    cr_expect_null(hapax_symbols_new(table, list, n));
    cr_expect_eq(errno, EINVAL);
}

Test(symbols, mistakes_are_refused)
{
    static const struct hapax_type number = {.name = "number", .size = sizeof(int)};
    static const char *const twice[] = {"a", "b", "a"}, *const gap[] = {"a", NULL};
    expect_refused(NULL, names, 2);
    expect_refused(hapax_table_new(&number, 0), names, 2);
    expect_refused(hapax_strings(), NULL, 2);
    expect_refused(hapax_strings(), twice, 3);
    expect_refused(hapax_strings(), gap, 2);
    expect_refused(hapax_strings(), names, (size_t)1 << 40);
    cr_expect_not_null(hapax_symbols_new(hapax_strings(), NULL, 0));
    hapax_symbols *symbols = hapax_symbols_new(hapax_strings(), names, 5);
    errno = 0;
    cr_expect_null(hapax_symbols_handle(symbols, 5));
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_null(hapax_symbols_handle(NULL, 0));
    cr_expect_eq(errno, EINVAL);
}

Test(symbols, leave_errno_alone)
{
    errno = 77;
    hapax_symbols *symbols = hapax_symbols_new(hapax_strings(), names, NAMES);
    cr_expect_not_null(hapax_symbols_handle(symbols, 5));
    cr_expect_eq(hapax_symbols_index(symbols, NULL), -1);
    cr_expect_eq(errno, 77);
}

/* ---- The order and the text of values ---- */

static int by_value(const void *a, const void *b)
{
    return hapax_handle_compare(*(const hapax_handle *)a, *(const hapax_handle *)b);
}

Test(symbols, handles_are_sorted_by_bytes)
{
    static const struct {
        const char *bytes;
        size_t size;
    } sorted[] = {{"", 0},     {"\0", 1}, {"\0\0", 2}, {"A", 1}, {"a", 1},
                  {"a\0b", 3}, {"ab", 2}, {"abc", 3},  {"b", 1}, {"\xff", 1}};
    enum { COUNT = sizeof sorted / sizeof *sorted };
    hapax_handle handles[COUNT + 1] = {NULL};
    for (size_t i = 0; i < COUNT; i++)
        handles[(i * 7 + 3) % COUNT] = hapax_make_handle(hapax_strings(), sorted[i].bytes, sorted[i].size);
    qsort(handles, COUNT + 1, sizeof *handles, by_value);
    cr_assert_null(handles[0]);
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(hapax_handle_size(handles[i + 1]), sorted[i].size);
        cr_assert_arr_eq(hapax_handle_value(handles[i + 1]), sorted[i].bytes, sorted[i].size);
        cr_assert_eq(hapax_handle_compare(handles[i + 1], handles[i + 1]), 0);
        cr_assert_lt(hapax_handle_compare(handles[i], handles[i + 1]), 0);
        cr_assert_gt(hapax_handle_compare(handles[i + 1], handles[i]), 0);
    }
    cr_assert_eq(hapax_handle_compare(NULL, NULL), 0);
}

Test(symbols, the_text_needs_no_cast)
{
    hapax_handle handle = hapax_intern("text");
    const char *text = hapax_string(handle);
    cr_assert_str_eq(text, "text");
    cr_assert_eq((const void *)text, hapax_handle_value(handle));
    cr_assert_null(hapax_string(NULL));
    char *longer = malloc(100001);
    memset(longer, 'l', 100000);
    longer[100000] = '\0';
    cr_assert_str_eq(hapax_string(hapax_intern(longer)), longer);
    free(longer);
}
