/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG: unknown words, and often. */
#include "config.h"

#include "diagnosis_output.h"

#include <criterion/criterion.h>
#include <string.h>

Test(diagnosis, answers_unknown_words)
{
    ask_for("errors,losst,,often=0,often=x,often=17,stats=3,oftener");
    cr_expect_eq(lines_with("is unknown"), 5u);
    static const char *const unknown[] = {"losst", "often=0", "often=x", "stats=3", "oftener"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char line[100];
        snprintf(line, sizeof line,
                 "hapax: HAPAX_DEBUG: the word \"%s\" is unknown; the known words are errors, cleanups, ", unknown[i]);
        cr_expect_not_null(strstr(text(), line), "%s", unknown[i]);
    }
}

Test(diagnosis, known_words_need_no_answer)
{
    ask_for("errors,cleanups,stats,often,often=5");
    collect();
    cr_expect_eq(lines_with("unknown"), 0u);
}

Test(diagnosis, all_is_every_word)
{
    ask_for("all");
    cr_expect_eq(lines_with("unknown"), 0u);
    collect();
    cr_expect_geq(lines_with("collection "), 1u);
    cr_expect_eq(hapax_pin(NULL), -1);
    cr_expect_eq(lines_with("hapax_pin: "), 1u);
}

/* ---- HAPAX_DEBUG=often ---- */

static uint64_t collections(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.collections;
}

/* The hard build collects by itself, too. */
static void expect_collected(uint64_t count, uint64_t wanted)
{
#ifndef HAPAX_HARD_TESTS
    cr_expect_eq(count, wanted);
#else
    cr_expect_geq(count, wanted);
#endif
}

static NOINLINE void make_values(unsigned n, size_t size)
{
    char bytes[2000];
    memset(bytes, 'a', sizeof bytes);
    for (unsigned i = 0; i < n; i++) {
        snprintf(bytes, sizeof bytes, "%u", i);
        cr_assert_not_null(hapax_make_handle(hapax_strings(), bytes, size));
    }
}

static void expect_collections(unsigned every)
{
    hapax_strings();
    uint64_t before = collections();
    make_values(500, 10);
    make_values(500, 1000);
    make_values(500, 30);
    expect_collected(collections() - before, 1500 / every);
    /* Those that are there are no new ones. */
    before = collections();
    hapax_handle handle = hapax_intern("held");
    for (unsigned i = 0; i < 3 * every; i++)
        cr_assert_eq(hapax_intern("held"), handle);
    cr_expect_leq(collections() - before, 1);
}

Test(diagnosis, collects_every_so_many_new_values)
{
    ask_for("often=50");
    expect_collections(50);
}

Test(diagnosis, collects_for_each_new_value)
{
    ask_for("stats,often=1");
    expect_collections(1);
}

Test(diagnosis, collects_often_without_a_number)
{
    ask_for("often");
    expect_collections(100);
}

#ifndef HAPAX_HARD_TESTS
Test(diagnosis, collects_no_more_when_it_is_not_asked_to)
{
    ask_for("errors");
    uint64_t before = collections();
    make_values(1000, 10);
    cr_expect_leq(collections() - before, 1);
}
#endif
