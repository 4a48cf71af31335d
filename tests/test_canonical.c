/* SPDX-License-Identifier: MIT */
/* The head of a canonical value, from inside: src/values/canonical.h. Sizes that no test has the memory for. */
#include "config.h"

#include "values/canonical.h"
#include "base/hash.h"

#include <criterion/criterion.h>

TestSuite(canonical, .timeout = 60);

Test(canonical, tells_every_size)
{
    static const uint64_t sizes[] = {0,
                                     1,
                                     SHORT_MAX,
                                     SHORT_MAX + 1,
                                     SHORT_MAX + 2,
                                     UINT32_MAX,
                                     UINT64_C(1) << 32,
                                     UINT64_C(0x123456789abc),
                                     HASH_SIZE_MAX - 1,
                                     HASH_SIZE_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (unsigned is_short = 0; is_short <= (sizes[i] <= SHORT_MAX); is_short++) {
            struct hapax_canonical canonical;
            memset(&canonical, 0xa5, sizeof canonical);
            void *value = canonical_begin(&canonical, 77, sizes[i], is_short);
            cr_assert_eq(canonical_size(&canonical), sizes[i]);
            cr_assert_eq(canonical_value(&canonical), value);
            cr_assert_eq(canonical_is_short(&canonical), is_short);
            cr_assert_eq(canonical.in_trie.hash, 77);
            cr_assert_geq((char *)value, (char *)&canonical + offsetof(struct hapax_canonical, wide_high));
        }
}

Test(canonical, copies_and_compares_every_byte)
{
    enum { LONGEST = 100 };
    char from[LONGEST], to[LONGEST + 1];
    for (unsigned i = 0; i < LONGEST; i++)
        from[i] = (char)(i * 7 + 1);
    for (size_t size = 0; size <= LONGEST; size++) {
        memset(to, 0, sizeof to);
        copy_bytes(to, from, size);
        cr_assert(memcmp(to, from, size) == 0);
        cr_assert_eq(to[size], 0, "%zu bytes, and one behind them", size);
        cr_assert(equal_bytes(to, from, size));
        for (size_t at = 0; at < size; at++) {
            to[at] ^= 64;
            cr_assert_not(equal_bytes(to, from, size), "byte %zu of %zu does not count", at, size);
            to[at] ^= 64;
        }
    }
}
