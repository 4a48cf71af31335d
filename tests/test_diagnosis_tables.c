/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=tables: what it says of each table at the end. In a process of its own each. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { N = 5000 };

static const struct hapax_type number_type = {.name = "number", .size = sizeof(size_t)};
static hapax_handle *held;
static hapax_table *numbers, *kept;

static void make(size_t i)
{
    if (hapax_make_handle(numbers, &i, sizeof i) == NULL)
        abort();
}

static void hold(size_t i)
{
    if ((held[i] = hapax_make_handle(numbers, &i, sizeof i)) == NULL)
        abort();
}

static void keep(size_t i)
{
    if (hapax_make_handle(kept, &i, sizeof i) == NULL)
        abort();
}

static void make_table(size_t i)
{
    hapax_table *table = hapax_table_new(NULL, 0);
    if (hapax_make_handle(table, &i, sizeof i) == NULL)
        abort();
}

static int use_tables(void *words)
{
    setenv("HAPAX_DEBUG", words, 1);
    numbers = hapax_table_new(&number_type, 0);
    kept = hapax_table_new(&number_type, HAPAX_TABLE_KEEPS_VALUES);
    held = hapax_alloc(N * sizeof *held);
    CHECK(numbers != NULL && kept != NULL && held != NULL);
    make_each(N, make);         /* and forgotten */
    collect();
    make_each(N, hold);         /* most of them come again */
    collect();
    make_each(N, make);         /* they are there */
    make_each(N, keep);
    collect();
    make_each(N, keep);
    make_each(MANY, make_table);
    collect();
    hapax_keep_alive(held);
    exit(0);
}

static char heard[MANY * 200];

struct line {
    unsigned live, evicted, again;
};

/* The line with these words that comes n-th. */
static struct line read_line(const char *words, unsigned n)
{
    struct line line = {0};
    const char *at = heard;
    for (unsigned i = 0; at != NULL && i <= n; i++)
        at = strstr(at + (i > 0), words);
    cr_assert_not_null(at, "%s: %s", words, heard);
    at = strstr(strstr(at, " at "), ": ");
    cr_assert_eq(
        sscanf(at, ": %u live, %u evicted, %u interned again after eviction\n", &line.live, &line.evicted, &line.again),
        3, "%s", at);
    return line;
}

static unsigned count_lines(const char *words)
{
    unsigned count = 0;
    for (const char *at = heard; (at = strstr(at, words)) != NULL; at++)
        count++;
    return count;
}

Test(diagnosis, counts_what_comes_again)
{
    char words[] = "tables";
    cr_assert_eq(in_child_heard(use_tables, words, heard, sizeof heard), 0, "%s", heard);
    cr_expect_eq(count_lines("hapax: table of number at "), 2);
    cr_expect_eq(count_lines("hapax: table of string at "), MANY);
    cr_expect_geq(count_lines(", itself collected: 0 live, "), MOST);
    /* The newest table comes first. */
    struct line line = read_line("hapax: table of number at ", 0);
    cr_expect_eq(line.live, N);
    cr_expect_eq(line.evicted, 0);
    cr_expect_eq(line.again, 0);
    line = read_line("hapax: table of number at ", 1);
    cr_expect_eq(line.live, N);
    cr_expect(line.evicted >= N / 10 * 9 && line.evicted <= N, "%u", line.evicted);
#ifndef HAPAX_HARD_TESTS
    cr_expect_eq(line.again, line.evicted);
#else   /* whose hashes are few: a new value with the hash of an evicted one counts, too */
    cr_expect_geq(line.again, line.evicted);
#endif
}

Test(diagnosis, says_nothing_of_tables_unless_it_is_asked)
{
    char words[] = "errors";
    cr_assert_eq(in_child_heard(use_tables, words, heard, sizeof heard), 0);
    cr_expect_str_empty(heard);
}
