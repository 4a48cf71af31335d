/* SPDX-License-Identifier: MIT */
/* Setting a finalizer asks no table whose object it is: it costs the same however many tables there are. */
#include "config.h"

#include "support.h"

#include "weak/registry.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TABLES = 200 };

static atomic_uint asked;

static const char *type_of(void *context, const void *object)
{
    (void)context, (void)object;
    atomic_fetch_add(&asked, 1u);
    return NULL;
}

static uint64_t hash(const void *value, size_t size, uint64_t seed)
{
    atomic_fetch_add(&asked, 1u);
    return seed ^ *(const unsigned char *)value ^ size;
}

static const struct registry_kind kind = {.type_of = type_of};
static const struct hapax_type type = {.name = "counted", .hash = hash};
static hapax_table *tables[TABLES];

static void make_table(size_t i)
{
    tables[i] = hapax_table_new(&type, 0);
    if (tables[i] == NULL || hapax_make_handle(tables[i], &i, sizeof i) == NULL ||
        registry_new(&kind, NULL, NULL, NULL) == NULL)
        abort();
}

static void finalize(void *object, void *argument)
{
    (void)object, (void)argument;
}

static void set_finalizer(size_t i)
{
    void *object = hapax_alloc(16 + i % 50);
    if (hapax_set_finalizer(object, finalize, NULL) != 0)
        abort();
    if (i % 2 == 0 && hapax_set_finalizer(object, NULL, NULL) != 0)
        abort();
}

Test(finalizer_tables, are_not_asked)
{
    cr_assert_eq(hapax_init(), 0);
    make_each(TABLES, make_table);
    atomic_store(&asked, 0u);
    make_each(MANY, set_finalizer);
    cr_expect_eq(atomic_load(&asked), 0u);
    cr_expect_eq(hapax_set_finalizer((void *)(uintptr_t)hapax_intern("a handle"), finalize, NULL), -1);
    cr_expect_eq(atomic_load(&asked), 0u);
    /* They would have counted. */
    cr_expect_null(registry_type_of(hapax_alloc(16)));
    cr_expect_eq(atomic_load(&asked), (unsigned)TABLES);
    hapax_keep_alive(tables);
}
