/* SPDX-License-Identifier: MIT */
/* Types: the user's hash and equality. */
#include "config.h"

#include "type_tables.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>

/* ---- Hash and equality of the user's ---- */

static uint64_t seeds[2];
static unsigned hashes;

static uint64_t hash_ignoring_case(const void *value, size_t size, uint64_t seed)
{
    seeds[hashes++ != 0] = seed;
    uint64_t hash = 0;
    for (size_t i = 0; i < size; i++)
        hash = hash * 31 + (uint64_t)tolower(((const unsigned char *)value)[i]);
    return hash;
}

static const struct hapax_type without_case = {
    .name = "without case", .hash = hash_ignoring_case, .equal = equal_ignoring_case};

Test(type, equality_of_the_users)
{
    hapax_table *table = hapax_table_new(&without_case, 0);
    hapax_handle handle = hapax_make_handle(table, "Hapax", 5);
    cr_expect_eq(hapax_make_handle(table, "HAPAX", 5), handle);
    cr_expect_eq(hapax_find_handle(table, "hApAx", 5), handle);
    cr_expect_eq(compared_size, 5);
    cr_expect_neq(hapax_make_handle(table, "Hapaxe", 6), handle);
    cr_expect_neq(hapax_make_handle(table, "Lapax", 5), handle);
    /* What was seen first is the canonical one. */
    cr_expect(memcmp(hapax_handle_value(handle), "Hapax", 5) == 0);
    cr_expect_eq(hapax_handle_size(handle), 5);
}

Test(type, a_users_hash_is_finished_by_the_library)
{
    hapax_table *table = hapax_table_new(&without_case, 0), *other = hapax_table_new(&without_case, 0);
    hapax_handle a = hapax_make_handle(table, "A", 1), b = hapax_make_handle(table, "B", 1);
    cr_expect_eq(seeds[0], seeds[1], "one seed for all values of a table");
    cr_expect_eq(hapax_handle_hash(a), hapax_hash(table, "a", 1));
    cr_expect_eq(hapax_make_handle_hashed(table, "a", 1, hapax_handle_hash(a)), a);
    /* Raw hashes that differ in one bit differ in many. */
    cr_expect_geq(__builtin_popcountll(hapax_handle_hash(a) ^ hapax_handle_hash(b)), 10);
    cr_expect_neq(hapax_handle_hash(a), 'a');
    (void)other;
}

/* The finishing alone would leave 0 as it is, and anybody could reckon the others. */
Test(type, a_hash_that_takes_no_seed_gets_one)
{
    struct hapax_type type = {.hash = constant};
    hapax_table *table = hapax_table_new(&type, 0);
    cr_expect_neq(hapax_hash(table, "x", 1), 0);
    cr_expect_eq(hapax_hash(table, "x", 1), hapax_hash(table, "y", 1));
}

/* In one long chain, so that most lookups go beyond its first line. */
Test(type, lookups_allocate_nothing)
{
    enum { N = 300 };
    struct hapax_type type = {.size = sizeof(unsigned), .hash = constant};
    hapax_table *table = hapax_table_new(&type, 0);
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);   /* a thread that begins is not counted */
    hapax_handle *handles = hapax_alloc(N * sizeof *handles), *again = hapax_alloc(N * sizeof *again);
    unsigned numbers[N];
    hapax_span spans[N];
    for (unsigned i = 0; i < N; i++) {
        numbers[i] = i;
        spans[i] = (hapax_span){&numbers[i], sizeof *numbers};
        cr_assert_not_null(handles[i] = hapax_make_handle(table, &numbers[i], sizeof *numbers));
    }
    size_t bytes = GC_get_total_bytes(), other_bytes = mallinfo2().uordblks;
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < N; i++) {
            uint64_t hash = hapax_hash(table, &numbers[i], sizeof *numbers);
            cr_assert_eq(hapax_make_handle(table, &numbers[i], sizeof *numbers), handles[i]);
            cr_assert_eq(hapax_make_handle_hashed(table, &numbers[i], sizeof *numbers, hash), handles[i]);
            cr_assert_eq(hapax_find_handle(table, &numbers[i], sizeof *numbers), handles[i]);
        }
        cr_assert_eq(hapax_make_handles(table, spans, N, again), N);
    }
    cr_expect_eq(GC_get_total_bytes(), bytes);
    cr_expect_eq(mallinfo2().uordblks, other_bytes);
}

Test(type, a_hash_alone_leaves_the_bytes_compared)
{
    struct hapax_type type = {.hash = constant};
    hapax_table *table = hapax_table_new(&type, 0);
    hapax_handle handles[60];
    for (unsigned i = 0; i < 60; i++) {
        char text[16];
        int length = snprintf(text, sizeof text, "value %u", i);
        handles[i] = hapax_make_handle(table, text, (size_t)length);
        cr_assert_eq(hapax_find_handle(table, text, (size_t)length), handles[i]);
        cr_assert_eq(memcmp(hapax_handle_value(handles[i]), text, (size_t)length), 0);
        for (unsigned j = 0; j < i; j++)
            cr_assert_neq(handles[i], handles[j]);
    }
}

/* ---- Values that do not equal themselves ---- */

static bool equal_numbers(const void *a, const void *b, size_t size)
{
    (void)size;
    return *(const double *)a == *(const double *)b;
}

static uint64_t hash_number(const void *value, size_t size, uint64_t seed)
{
    (void)size;
    double number = *(const double *)value + 0.0;   /* -0 to 0 */
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits ^ seed;
}

static const struct hapax_type numbers = {.size = sizeof(double), .hash = hash_number, .equal = equal_numbers};

static hapax_handle make_number(hapax_table *table, double number)
{
    return hapax_make_handle(table, &number, sizeof number);
}

Test(type, zeros_of_both_signs_are_equal)
{
    hapax_table *table = hapax_table_new(&numbers, 0);
    hapax_handle zero = make_number(table, 0.0);
    cr_expect_eq(make_number(table, -0.0), zero);
    cr_expect_neq(make_number(table, 1.0), zero);
}

static NOINLINE void make_many_nans(hapax_table *table, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        cr_assert_not_null(make_number(table, NAN));
}

Test(type, each_nan_is_a_value_of_its_own_and_is_reclaimed)
{
    enum { N = 2000 };
    hapax_table *table = hapax_table_new(&numbers, 0);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    double nan_value = NAN;
    hapax_handle one = make_number(table, 1.0);
    for (unsigned i = 0; i < N; i++) {
        handles[i] = make_number(table, NAN);
        cr_assert_not_null(handles[i]);
        cr_assert(isnan(*(const double *)hapax_handle_value(handles[i])));
        for (unsigned j = i > 20 ? i - 20 : 0; j < i; j++)
            cr_assert_neq(handles[i], handles[j]);
        cr_assert_null(hapax_find_handle(table, &nan_value, sizeof nan_value));
    }
    cr_expect_eq(live_in(table), N + 1);
    unsigned visits = 0;
    cr_expect(hapax_table_each(table, count_visits, &visits));
    cr_expect_eq(visits, N + 1);
    collect();
    cr_expect_eq(live_in(table), N + 1);
    for (unsigned i = 0; i < N; i++)
        handles[i] = NULL;
    make_many_nans(table, N);
    collect();
    cr_expect_geq(evicted_from(table), MOST(2 * N));
    cr_expect_eq(make_number(table, 1.0), one);
}

static hapax_handle brought_back[2000];

static void GC_CALLBACK bring_back(void *object, void *number)
{
    brought_back[(uintptr_t)number] = *(hapax_handle *)object;
}

static NOINLINE void reach_from_finalizable(hapax_table *table, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        hapax_handle *object = hapax_alloc(sizeof *object);
        *object = make_number(table, i % 2 == 0 ? NAN : i);
        GC_register_finalizer_no_order(object, bring_back, (void *)(uintptr_t)i, NULL, NULL);
    }
}

Test(type, what_waits_for_a_foreign_finalizer_stays_in_its_table)
{
    enum { N = sizeof brought_back / sizeof *brought_back };
    hapax_table *table = hapax_table_new(&numbers, 0);
    GC_set_finalize_on_demand(1);
    reach_from_finalizable(table, N);
    for (unsigned round = 0; round < 3; round++) {
        collect();
        cr_expect_eq(live_in(table), N);
        cr_expect_eq(evicted_from(table), 0);
    }
    GC_invoke_finalizers();
    collect();
    unsigned back = 0;
    for (unsigned i = 0; i < N; i++)
        if (brought_back[i] != NULL) {
            back++;
            if (i % 2 == 1)
                cr_assert_eq(make_number(table, i), brought_back[i]);
        }
    cr_expect_geq(back, MOST(N));
    cr_expect_geq(live_in(table), back);
}

Test(type, nans_do_not_slow_others_down)
{
    enum { N = 200000 };
    hapax_table *table = hapax_table_new(&numbers, 0);
    for (unsigned i = 0; i < N; i++)
        cr_assert_not_null(make_number(table, NAN));
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_expect_leq(stats.levels, 3);
}

/* ---- Eviction ---- */

static atomic_uint calls_of_users;

static uint64_t counting_hash(const void *value, size_t size, uint64_t seed)
{
    atomic_fetch_add(&calls_of_users, 1u);
    return hash_number(value, size, seed);
}

static bool counting_equal(const void *a, const void *b, size_t size)
{
    atomic_fetch_add(&calls_of_users, 1u);
    return equal_numbers(a, b, size);
}

static NOINLINE void make_numbers(hapax_table *table, hapax_handle *handles, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        handles[i] = make_number(table, i);
}

/* Neither a dead value nor a living one, while others are evicted, moved and the root is taken together. */
Test(type, eviction_neither_hashes_nor_compares)
{
    enum { N = 30000 };
    struct hapax_type type = {.size = sizeof(double), .hash = counting_hash, .equal = counting_equal};
    hapax_table *table = hapax_table_new(&type, 0);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    make_numbers(table, handles, N);
    for (unsigned i = 0; i < N; i++)
        if (i % 100 != 0)
            handles[i] = NULL;
    unsigned before = atomic_load(&calls_of_users);
    collect();
    cr_expect(hapax_wait_cleanups(FOR_EVER));
    cr_expect_geq(evicted_from(table), MOST(N / 100 * 99));
    cr_expect_eq(atomic_load(&calls_of_users), before);
    for (unsigned i = 0; i < N; i += 100)
        cr_assert_eq(make_number(table, i), handles[i]);
}
