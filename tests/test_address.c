/* SPDX-License-Identifier: MIT */
/* Systems whose addresses have more bits than the library can work with: as they would look to it. */
#include "config.h"

#include "support.h"

#include "base/address.h"
#include "base/pages.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

TestSuite(address, .timeout = 60);

/* Nothing that the system hands out lies so low. */
enum { FEW_BITS = 20 };

static int start_where_addresses_are_high(void *unused)
{
    (void)unused;
    address_bits = FEW_BITS;
    for (int i = 0; i < 3; i++) {
        errno = 0;
        CHECK(hapax_init() == -1 && errno == ENOTSUP);
        CHECK(hapax_alloc(16) == NULL && errno == ENOTSUP);
        CHECK(hapax_intern("text") == NULL && hapax_weak_make("text") == NULL);
    }
    return 0;
}

static unsigned lines_in(const char *heard)
{
    unsigned lines = 0;
    for (; (heard = strstr(heard, "hapax: the heap reaches address")) != NULL; heard++)
        lines++;
    return lines;
}

Test(address, no_start_where_they_are_high)
{
    char heard[4096];
    cr_assert_eq(in_child_heard(start_where_addresses_are_high, NULL, heard, sizeof heard), 0, "%s", heard);
    cr_assert_eq(lines_in(heard), 1u, "%s", heard);
}

/* The heap has grown into them since. */
static int go_on_where_addresses_are_high(void *unused)
{
    (void)unused;
    CHECK(hapax_init() == 0);
    hapax_handle before = hapax_intern("interned before");
    CHECK(before != NULL);
    address_bits = FEW_BITS;
    CHECK(pages_alloc(PAGE_BYTES) == NULL && pages_alloc_lazily(PAGE_BYTES) == NULL);
    CHECK(pages_reserve(PAGE_BYTES, PAGE_BYTES) == NULL);
    CHECK(hapax_alloc(16) == NULL && errno == ENOMEM);
    CHECK(hapax_alloc_plain(100000) == NULL && errno == ENOMEM);
    CHECK(hapax_table_new(NULL, 0) == NULL && errno == ENOMEM);
    CHECK(hapax_intern("interned before") == before);
    address_bits = 48;
    CHECK(hapax_intern("interned afterwards") != NULL && hapax_alloc(16) != NULL);
    return 0;
}

Test(address, no_memory_that_lies_high)
{
    char heard[4096];
    cr_assert_eq(in_child_heard(go_on_where_addresses_are_high, NULL, heard, sizeof heard), 0, "%s", heard);
    cr_assert_eq(lines_in(heard), 1u, "%s", heard);
}
