/* SPDX-License-Identifier: MIT */
/* Types: sizes, alignment, pointers inside values. */
#include "config.h"

#include "type_tables.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>

/* ---- Fixed sizes ---- */

Test(type, values_of_a_fixed_size_are_aligned)
{
    for (size_t size = 1; size <= 300; size += size < 40 ? 1 : 37) {
        struct hapax_type type = {.size = size, .name = "fixed"};
        hapax_table *table = hapax_table_new(&type, 0);
        unsigned char value[300] = {0};
        for (unsigned i = 0; i < 200; i++) {
            value[0] = (unsigned char)i;
            hapax_handle handle = hapax_make_handle(table, value, size);
            cr_assert_eq((uintptr_t)hapax_handle_value(handle) % _Alignof(max_align_t), 0);
            cr_assert_eq(hapax_handle_size(handle), size);
            cr_assert(memcmp(hapax_handle_value(handle), value, size) == 0);
            cr_assert_eq(hapax_find_handle(table, value, size), handle);
        }
    }
}

Test(type, a_size_that_is_not_the_types_is_a_mistake)
{
    struct hapax_type type = {.size = 8};
    hapax_table *table = hapax_table_new(&type, 0);
    const char value[16] = "sixteen bytes..";
    size_t sizes[] = {0, 7, 9, 16};
    for (unsigned i = 0; i < 4; i++) {
        errno = 0;
        cr_expect_null(hapax_make_handle(table, value, sizes[i]));
        cr_expect_eq(errno, EINVAL);
        errno = 0;
        cr_expect_null(hapax_find_handle(table, value, sizes[i]));
        cr_expect_eq(errno, EINVAL);
        errno = 0;
        cr_expect_null(hapax_make_handle_hashed(table, value, sizes[i], 0));
        cr_expect_eq(errno, EINVAL);
        errno = 0;
        cr_expect_eq(hapax_hash(table, value, sizes[i]), 0);
        cr_expect_eq(errno, EINVAL);
    }
    errno = 0;
    cr_expect_null(hapax_make_handle(table, NULL, 8));
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_null(hapax_make_handle(table, NULL, 0));
    cr_expect_eq(errno, EINVAL);
    cr_expect_eq(live_in(table), 0);
}

static uint64_t hash_of_little(const void *value, size_t size, uint64_t seed)
{
    cr_assert_lt(size, 100);
    return seed + (size > 0 ? *(const unsigned char *)value : 0);
}

static bool equal_little(const void *a, const void *b, size_t size)
{
    cr_assert_lt(size, 100);
    return memcmp(a, b, size) == 0;
}

Test(type, sizes_of_no_memory_reach_no_function_of_the_users)
{
    struct hapax_type type = {.hash = hash_of_little, .equal = equal_little};
    hapax_table *table = hapax_table_new(&type, 0);
    hapax_handle x = hapax_make_handle(table, "x", 1);
    static const size_t sizes[] = {(size_t)1 << 48, SIZE_MAX / 2, SIZE_MAX};
    for (unsigned i = 0; i < 3; i++) {
        errno = 0;
        cr_expect_null(hapax_make_handle(table, "x", sizes[i]));
        cr_expect_eq(errno, ENOMEM);
        errno = 77;
        cr_expect_null(hapax_find_handle(table, "x", sizes[i]));
        cr_expect_eq(errno, 77);
        errno = 0;
        cr_expect_null(hapax_make_handle_hashed(table, "x", sizes[i], hapax_handle_hash(x)));
        cr_expect_eq(errno, ENOMEM);
    }
}

Test(type, unknown_flags_are_a_mistake)
{
    struct hapax_type type = {.flags = 2};
    errno = 0;
    cr_expect_null(hapax_table_new(&type, 0));
    cr_expect_eq(errno, EINVAL);
    type.flags = HAPAX_TYPE_HAS_POINTERS | 0x80000000u;
    errno = 0;
    cr_expect_null(hapax_table_new(&type, 0));
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_null(hapax_table_new(NULL, 2));
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_null(hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES | 4));
    cr_expect_eq(errno, EINVAL);
}

Test(type, types_share_nothing_even_where_bytes_agree)
{
    struct hapax_type four = {.size = 4}, same_four = {.size = 4};
    hapax_table *tables[] = {hapax_table_new(&four, 0), hapax_table_new(&four, 0), hapax_table_new(&same_four, 0),
                             hapax_table_new(NULL, 0), hapax_strings()};
    hapax_handle handles[5];
    for (unsigned i = 0; i < 5; i++) {
        cr_assert_null(hapax_find_handle(tables[i], "four", 4));
        handles[i] = hapax_make_handle(tables[i], "four", 4);
        for (unsigned j = 0; j < i; j++)
            cr_expect_neq(handles[i], handles[j]);
    }
    for (unsigned i = 0; i < 5; i++)
        cr_expect_eq(hapax_find_handle(tables[i], "four", 4), handles[i]);
}

Test(type, the_description_is_copied)
{
    struct hapax_type type = {.size = 4};
    hapax_table *table = hapax_table_new(&type, 0);
    memset(&type, 0xff, sizeof type);
    hapax_handle handle = hapax_make_handle(table, "four", 4);
    cr_assert_not_null(handle);
    cr_expect_eq(hapax_make_handle(table, "four", 4), handle);
}

/* ---- Zero-size values ---- */

Test(type, zero_size_values_have_one_handle_a_table)
{
    struct hapax_type type = {.hash = constant, .equal = equal_ignoring_case, .copy = copy_plainly};
    hapax_table *tables[] = {hapax_table_new(&type, 0), hapax_table_new(&type, 0), hapax_table_new(NULL, 0)};
    hapax_handle handles[3];
    for (unsigned i = 0; i < 3; i++) {
        handles[i] = hapax_make_handle(tables[i], NULL, 0);
        cr_assert_not_null(handles[i]);
        cr_expect_eq(hapax_make_handle(tables[i], "anything", 0), handles[i]);
        cr_expect_eq(hapax_find_handle(tables[i], NULL, 0), handles[i]);
        cr_expect_eq(hapax_handle_size(handles[i]), 0);
        cr_expect_not_null(hapax_handle_value(handles[i]));
        cr_expect_eq(live_in(tables[i]), 1);
    }
    cr_expect(handles[0] != handles[1] && handles[1] != handles[2] && handles[0] != handles[2]);
}

/* ---- Pointers inside values ---- */

struct link {
    hapax_handle next;
    uint64_t number;
};

static const struct hapax_type links = {.size = sizeof(struct link), .flags = HAPAX_TYPE_HAS_POINTERS};

static NOINLINE hapax_handle make_chain(hapax_table *table, unsigned n, unsigned first)
{
    hapax_handle last = NULL;
    for (unsigned i = 0; i < n; i++) {
        struct link link = {last, first + i};
        last = hapax_make_handle(table, &link, sizeof link);
        cr_assert_not_null(last);
    }
    return last;
}

static NOINLINE void make_and_drop_chain(hapax_table *table, unsigned n, unsigned first)
{
    (void)make_chain(table, n, first);
}

Test(type, a_chain_lives_through_its_first_link)
{
    enum { N = 20000 };
    hapax_table *table = hapax_table_new(&links, 0);
    hapax_handle first = make_chain(table, N, 0);
    collect();
    collect();
    unsigned length = 0;
    for (hapax_handle at = first; at != NULL; at = ((const struct link *)hapax_handle_value(at))->next, length++) {
        struct link link = *(const struct link *)hapax_handle_value(at);
        cr_assert_eq(link.number, N - 1 - length);
        cr_assert_eq(hapax_find_handle(table, &link, sizeof link), at);
    }
    cr_expect_eq(length, N);
    cr_expect_eq(evicted_from(table), 0);
}

Test(type, chains_die_in_one_collection)
{
    enum { N = 2000, CHAINS = 100 };
    hapax_table *table = hapax_table_new(&links, 0);
    for (unsigned i = 0; i < CHAINS; i++)
        make_and_drop_chain(table, N, i * N);
    bury();
    hapax_collect();
    cr_expect_geq(evicted_from(table), MOST(CHAINS) * N);
}

static NOINLINE void point_at_strings(hapax_table *table, hapax_handle *handles, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char text[40];
        snprintf(text, sizeof text, "pointed at %u", i);
        struct link link = {hapax_intern(text), i};
        handles[i] = hapax_make_handle(table, &link, sizeof link);
    }
}

Test(type, pointers_count_only_where_the_type_says_so)
{
    enum { N = 2000 };
    struct hapax_type plain = {.size = sizeof(struct link)};
    hapax_table *with = hapax_table_new(&links, 0), *without = hapax_table_new(&plain, 0);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    point_at_strings(with, handles, N);
    collect();
    cr_expect_eq(evicted_from(hapax_strings()), 0);
    for (unsigned i = 0; i < N; i++) {
        char text[40];
        snprintf(text, sizeof text, "pointed at %u", i);
        cr_assert_str_eq(hapax_handle_value(((const struct link *)hapax_handle_value(handles[i]))->next), text);
    }
    for (unsigned i = 0; i < N; i++)
        handles[i] = NULL;
    collect();
    uint64_t before = evicted_from(hapax_strings());
    cr_expect_geq(before, MOST(N));
    point_at_strings(without, handles, N);
    collect();
    cr_expect_geq(evicted_from(hapax_strings()) - before, MOST(N));
    cr_expect_eq(live_in(without), N);
}

static NOINLINE void make_lists(hapax_table *table, hapax_handle *lists, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        hapax_handle list[7];
        for (unsigned j = 0; j < i % 7 + 1; j++) {
            char text[40];
            snprintf(text, sizeof text, "element %u of %u", j, i);
            list[j] = hapax_intern(text);
        }
        lists[i] = hapax_make_handle(table, list, (i % 7 + 1) * sizeof *list);
    }
}

Test(type, values_of_any_size_may_hold_pointers)
{
    enum { N = 1000 };
    struct hapax_type type = {.flags = HAPAX_TYPE_HAS_POINTERS};
    hapax_table *table = hapax_table_new(&type, 0);
    hapax_handle *lists = hapax_alloc(N * sizeof *lists);
    make_lists(table, lists, N);
    collect();
    cr_expect_eq(evicted_from(hapax_strings()), 0);
    for (unsigned i = 0; i < N; i++) {
        cr_assert_eq(hapax_handle_size(lists[i]), (i % 7 + 1) * sizeof *lists);
        const hapax_handle *list = hapax_handle_value(lists[i]);
        cr_assert_eq((uintptr_t)list % _Alignof(max_align_t), 0);
        for (unsigned j = 0; j < i % 7 + 1; j++) {
            char text[40];
            snprintf(text, sizeof text, "element %u of %u", j, i);
            cr_assert_eq(hapax_intern(text), list[j]);
        }
    }
    uint64_t before = evicted_from(hapax_strings());
    memset(lists, 0, N * sizeof *lists);
    collect();
    cr_expect_geq(evicted_from(hapax_strings()) - before, MOST(4 * N));
}

/* Values that end just where their object does, or whose pointer is their last word. */
Test(type, the_last_word_of_a_value_counts_too)
{
    enum { N = 500 };
    struct words {
        uint64_t number[9];
        hapax_handle last;
    };
    struct hapax_type type = {.size = sizeof(struct words), .flags = HAPAX_TYPE_HAS_POINTERS};
    hapax_table *table = hapax_table_new(&type, 0);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    for (unsigned i = 0; i < N; i++) {
        char text[40];
        snprintf(text, sizeof text, "at the end of %u", i);
        struct words words = {{i}, hapax_intern(text)};
        handles[i] = hapax_make_handle(table, &words, sizeof words);
    }
    collect();
    cr_expect_eq(evicted_from(hapax_strings()), 0);
    for (unsigned i = 0; i < N; i++) {
        char text[40];
        snprintf(text, sizeof text, "at the end of %u", i);
        const struct words *words = hapax_handle_value(handles[i]);
        cr_assert_eq(words->number[0], i);
        cr_assert_eq(hapax_intern(text), words->last);
    }
}
