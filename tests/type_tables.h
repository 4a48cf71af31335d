/* SPDX-License-Identifier: MIT */
/* What the suites of types share. */
#ifndef TESTS_TYPE_TABLES_H
#define TESTS_TYPE_TABLES_H

#include "dying.h"

#include <criterion/criterion.h>
#include <ctype.h>

static inline void begin(void)
{
    GC_INIT();
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(type, .init = begin, .timeout = 60);

static inline uint64_t live_in(hapax_table *table)
{
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    return stats.live;
}

static inline uint64_t evicted_from(hapax_table *table)
{
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    return stats.evicted;
}

/* ---- Hash and equality of the user's ---- */

static size_t compared_size;

static inline bool equal_ignoring_case(const void *a, const void *b, size_t size)
{
    compared_size = size;
    for (size_t i = 0; i < size; i++)
        if (tolower(((const unsigned char *)a)[i]) != tolower(((const unsigned char *)b)[i]))
            return false;
    return true;
}

static inline uint64_t constant(const void *value, size_t size, uint64_t seed)
{
    (void)value;
    (void)size;
    (void)seed;
    return 0;
}

/* ---- Values that do not equal themselves ---- */

static inline bool count_visits(hapax_handle handle, void *count)
{
    (void)handle;
    ++*(unsigned *)count;
    return true;
}

/* ---- Zero-size values ---- */

static unsigned copies;

static inline bool copy_plainly(void *to, const void *from, size_t size)
{
    copies++;
    if (size > 0)
        memcpy(to, from, size);
    return true;
}

#endif
