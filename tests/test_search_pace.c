/* SPDX-License-Identifier: MIT */
/* How many bytes are allocated between two searches of malloc's memory, from inside: src/runtime/search_pace.h. The
 * times are made up; no search runs. */
#include "config.h"

#include "support.h"

#include "collector/collector.h"
#include "runtime/search_pace.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MS = 1000000, MB = 1 << 20, MUCH = 1 << 30 };

static uint64_t now = MS;

static void start(void)
{
    setenv("HAPAX_SEARCH", "explicit", 1);
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(search_pace, .init = start);

/* A search of so many bytes that lasts so long; what has to be allocated before the next one. */
static uint64_t search(uint64_t bytes, uint64_t ns)
{
    search_pace_searched(bytes, now, now + ns);
    now += ns;
    return collector_least_allocated();
}

/* The program allocates so many bytes, and takes so many nanoseconds for each. */
static void allocate(uint64_t bytes, uint64_t ns_a_byte)
{
    uint64_t before = collector_allocated();
    while (collector_allocated() - before < bytes)
        hapax_keep_alive(hapax_alloc_plain(1000));
    now += (collector_allocated() - before) * ns_a_byte;
}

Test(search_pace, takes_no_more_than_a_tenth_of_the_time)
{
    search(MUCH, MS);
    allocate(4 * MB, 10);
    /* A millisecond of search: ten of them are those of a million bytes. */
    uint64_t once = search(MUCH, MS);
    cr_expect(once >= MS && once <= 2 * MS, "%llu", (unsigned long long)once);
    allocate(4 * MB, 10);
    uint64_t longer = search(MUCH, 5 * MS);
    cr_expect(longer >= 5 * MS && longer <= 10 * MS, "%llu", (unsigned long long)longer);
    /* A program that allocates faster reaches more bytes in that time. */
    allocate(4 * MB, 1);
    uint64_t faster = search(MUCH, MS);
    cr_expect(faster >= 10 * MS && faster <= 20 * MS, "%llu", (unsigned long long)faster);
}

Test(search_pace, leaves_no_more_garbage_than_was_searched_twice)
{
    search(MB, MS);
    allocate(4 * MB, 1);
    cr_expect_eq(search(MB, 100 * MS), 2 * MB);
    cr_expect_eq(search(10 * MB, 100 * MS), 20 * MB);
}

Test(search_pace, the_program_keeps_its_own)
{
    size_t least = collector_least_allocated();
    search(100 * MB, MS);
    cr_expect_gt(collector_least_allocated(), least);
    search_pace_end();
    cr_expect_eq(collector_least_allocated(), least);
    collector_set_least_allocated(MUCH);
    search(100 * MB, MS);
    cr_expect_eq(collector_least_allocated(), MUCH);
    search_pace_end();
    cr_expect_eq(collector_least_allocated(), MUCH);
}
