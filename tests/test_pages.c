/* SPDX-License-Identifier: MIT */
/* Memory from the system. */
#include "config.h"

#include "base/pages.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>

TestSuite(pages, .timeout = 60);

enum { UNUSUAL = 9999 };

/* More than there are addresses. */
static const size_t too_much = SIZE_MAX / 4 * 3;

/* Whoever is refused may take less, or have a collection make room, and succeed. */
Test(pages, errno_is_left_alone)
{
    errno = UNUSUAL;
    cr_assert_null(pages_alloc(too_much));
    cr_assert_null(pages_alloc_lazily(too_much));
    cr_assert_null(pages_reserve(too_much, PAGE_BYTES));
    cr_assert_eq(errno, UNUSUAL);
    char *reserved = pages_reserve(16 * PAGE_BYTES, PAGE_BYTES);
    cr_assert_not_null(reserved);
    pages_free(reserved + 8 * PAGE_BYTES, 8 * PAGE_BYTES);
    cr_assert_not(pages_commit(reserved, 16 * PAGE_BYTES));
    cr_assert_eq(errno, UNUSUAL);
    cr_assert(pages_commit(reserved, 8 * PAGE_BYTES));
    reserved[8 * PAGE_BYTES - 1] = 1;
    pages_give_back(reserved, 8 * PAGE_BYTES);
    cr_assert_eq(reserved[8 * PAGE_BYTES - 1], 0);
    pages_free(reserved, 8 * PAGE_BYTES);
    cr_assert_eq(errno, UNUSUAL);
}
