/* SPDX-License-Identifier: MIT */
/* What the suites of caches share. */
#ifndef TESTS_CACHE_OBJECTS_H
#define TESTS_CACHE_OBJECTS_H

#include "dying.h"

#include <criterion/criterion.h>

/* A value that remembers its key, and whom its death is told to. */
struct value {
    unsigned number;
};

static atomic_uint created, died;

static inline void *create_value(const void *key, size_t size, void *context, int *error)
{
    (void)context, (void)error;
    struct value *value = hapax_alloc_plain(sizeof *value);
    if (value == NULL || hapax_add_cleanup(value, count_one, &died, NULL) != 0)
        return NULL;
    if (size == sizeof value->number)
        memcpy(&value->number, key, size);
    atomic_fetch_add(&created, 1u);
    return value;
}

static inline hapax_cache *new_cache(void)
{
    hapax_cache *cache = hapax_cache_new(create_value, NULL);
    cr_assert_not_null(cache);
    return cache;
}

static inline struct value *get_number(hapax_cache *cache, unsigned number)
{
    int error = -1;
    struct value *value = hapax_cache_get(cache, &number, sizeof number, &error);
    cr_assert_not_null(value);
    cr_assert_eq(error, 0);
    cr_assert_eq(value->number, number);
    return value;
}

#endif
