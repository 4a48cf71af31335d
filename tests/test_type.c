/* Types: sizes, alignment, hash, equality and copy of the user's, pointers inside values. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

static void begin(void)
{
    GC_INIT();
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(type, .init = begin, .timeout = 60);

static uint64_t live_in(hapax_table *table)
{
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    return stats.live;
}

static uint64_t evicted_from(hapax_table *table)
{
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    return stats.evicted;
}

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

static size_t compared_size;

static bool equal_ignoring_case(const void *a, const void *b, size_t size)
{
    compared_size = size;
    for (size_t i = 0; i < size; i++)
        if (tolower(((const unsigned char *)a)[i]) != tolower(((const unsigned char *)b)[i]))
            return false;
    return true;
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


static uint64_t constant(const void *value, size_t size, uint64_t seed)
{
    (void)value;
    (void)size;
    (void)seed;
    return 0;
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

static bool count_visits(hapax_handle handle, void *count)
{
    (void)handle;
    ++*(unsigned *)count;
    return true;
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
    cr_expect(hapax_wait_cleanups(1000));
    cr_expect_geq(evicted_from(table), MOST(N / 100 * 99));
    cr_expect_eq(atomic_load(&calls_of_users), before);
    for (unsigned i = 0; i < N; i += 100)
        cr_assert_eq(make_number(table, i), handles[i]);
}

/* ---- Zero-size values ---- */

static unsigned copies;

static bool copy_plainly(void *to, const void *from, size_t size)
{
    copies++;
    if (size > 0)
        memcpy(to, from, size);
    return true;
}

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

/* ---- Copy of the user's ---- */

struct name {
    char *text;
};

static uint64_t hash_name(const void *value, size_t size, uint64_t seed)
{
    (void)size;
    uint64_t hash = seed;
    for (const char *at = ((const struct name *)value)->text; *at != '\0'; at++)
        hash = hash * 131 + (unsigned char)*at;
    return hash;
}

static bool equal_names(const void *a, const void *b, size_t size)
{
    (void)size;
    return strcmp(((const struct name *)a)->text, ((const struct name *)b)->text) == 0;
}

static bool copy_name(void *to, const void *from, size_t size)
{
    (void)size;
    const struct name *name = from;
    copies++;
    char *text = hapax_alloc_plain(strlen(name->text) + 1);
    if (text == NULL)
        return false;
    ((struct name *)to)->text = strcpy(text, name->text);
    return true;
}

static const struct hapax_type names = {.size = sizeof(struct name), .hash = hash_name, .equal = equal_names,
                                        .copy = copy_name, .flags = HAPAX_TYPE_HAS_POINTERS};

static hapax_handle make_name(hapax_table *table, const char *text)
{
    char copy[40];
    strcpy(copy, text);
    struct name name = {copy};
    hapax_handle handle = hapax_make_handle(table, &name, sizeof name);
    memset(copy, '?', sizeof copy);
    return handle;
}

Test(type, a_deep_copy_is_made_on_first_sight_only)
{
    enum { N = 1000 };
    hapax_table *table = hapax_table_new(&names, 0);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < N; i++) {
            char text[40];
            snprintf(text, sizeof text, "name %u", i);
            hapax_handle handle = make_name(table, text);
            cr_assert(round == 0 || handle == handles[i]);
            handles[i] = handle;
        }
        collect();
    }
    cr_expect_eq(copies, N);
    for (unsigned i = 0; i < N; i++) {
        char text[40];
        snprintf(text, sizeof text, "name %u", i);
        cr_assert_str_eq(((const struct name *)hapax_handle_value(handles[i]))->text, text);
    }
}

static bool copy_and_disturb(void *to, const void *from, size_t size)
{
    errno = 5;
    return copy_plainly(to, from, size);
}

Test(type, success_leaves_errno_alone_whatever_copying_does)
{
    struct hapax_type type = {.copy = copy_and_disturb};
    hapax_table *table = hapax_table_new(&type, 0);
    errno = 77;
    cr_expect_not_null(hapax_make_handle(table, "value", 5));
    cr_expect_eq(errno, 77);
}

static bool fail_to_copy;

static bool copy_or_fail(void *to, const void *from, size_t size)
{
    errno = 0;
    return !fail_to_copy && copy_plainly(to, from, size);
}

Test(type, nothing_is_interned_where_copying_fails)
{
    struct hapax_type type = {.copy = copy_or_fail};
    hapax_table *table = hapax_table_new(&type, 0);
    fail_to_copy = true;
    for (unsigned i = 0; i < 100; i++) {
        errno = 0;
        cr_assert_null(hapax_make_handle(table, "value", 5));
        cr_assert_eq(errno, ENOMEM);
    }
    cr_expect_null(hapax_find_handle(table, "value", 5));
    cr_expect_eq(live_in(table), 0);
    fail_to_copy = false;
    hapax_handle handle = hapax_make_handle(table, "value", 5);
    cr_assert_not_null(handle);
    fail_to_copy = true;
    cr_expect_eq(hapax_make_handle(table, "value", 5), handle);
    cr_expect_eq(live_in(table), 1);
}

/* ---- User functions that use the library ---- */

static hapax_table *busy_table;
static unsigned depth;

/* Interns in the same table, collects, iterates. An equality that made something new each time it is called would never
 * come to an end: no search could be sure of having seen all. */
static void be_busy(void)
{
    enum { MEANWHILE = 300 };
    static hapax_handle made_meanwhile[MEANWHILE];
    static unsigned calls;
    if (depth > 0)
        return;
    depth++;
    char text[40];
    int length = snprintf(text, sizeof text, "made meanwhile %u", calls % MEANWHILE);
    hapax_handle handle = hapax_make_handle(busy_table, text, (size_t)length);
    cr_assert_not_null(handle);
    cr_assert(made_meanwhile[calls % MEANWHILE] == NULL || made_meanwhile[calls % MEANWHILE] == handle);
    made_meanwhile[calls % MEANWHILE] = handle;
    if (calls % 40 == 0)
        hapax_collect();
    if (calls % 50 == 0) {
        unsigned visits = 0;
        cr_assert(hapax_table_each(busy_table, count_visits, &visits));
    }
    cr_assert_not_null(hapax_intern(text));
    calls++;
    depth--;
}

static uint64_t busy_hash(const void *value, size_t size, uint64_t seed)
{
    be_busy();
    uint64_t hash = seed;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ ((const unsigned char *)value)[i]) * UINT64_C(0x100000001b3);
    return hash & 7;
}

static bool busy_equal(const void *a, const void *b, size_t size)
{
    be_busy();
    return memcmp(a, b, size) == 0;
}

static bool busy_copy(void *to, const void *from, size_t size)
{
    be_busy();
    memcpy(to, from, size);
    return true;
}

Test(type, user_functions_may_intern_collect_and_iterate)
{
    enum { N = 300 };
    struct hapax_type type = {.hash = busy_hash, .equal = busy_equal, .copy = busy_copy};
    busy_table = hapax_table_new(&type, 0);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < N; i++) {
            char text[40];
            int length = snprintf(text, sizeof text, "value %u", i);
            hapax_handle handle = hapax_make_handle(busy_table, text, (size_t)length);
            cr_assert_not_null(handle);
            cr_assert(memcmp(hapax_handle_value(handle), text, (size_t)length) == 0);
            cr_assert(round == 0 || handle == handles[i]);
            handles[i] = handle;
        }
}

/* A copy that interns the very value it copies: the inner one is first, the outer one finds it. */
static hapax_table *selfish_table;
static hapax_handle inner;

static bool selfish_copy(void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    if (depth++ == 0)
        inner = hapax_make_handle(selfish_table, from, size);
    return true;
}

Test(type, a_copy_may_intern_the_same_value)
{
    struct hapax_type type = {.copy = selfish_copy};
    selfish_table = hapax_table_new(&type, 0);
    hapax_handle outer = hapax_make_handle(selfish_table, "value", 5);
    cr_assert_not_null(outer);
    cr_expect_eq(outer, inner);
    cr_expect_eq(live_in(selfish_table), 1);
}

static NOINLINE void lose_races(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        depth = 0;
        cr_assert_not_null(hapax_make_handle(selfish_table, &i, sizeof i));
    }
}

/* Each outer one finds the inner one there, when all is prepared for its own. */
Test(type, what_comes_too_late_leaves_no_trace)
{
    enum { N = 20000 };
    struct hapax_type type = {.copy = selfish_copy};
    selfish_table = hapax_table_new(&type, 0);
    lose_races(N);
    cr_expect_eq(live_in(selfish_table) + evicted_from(selfish_table), N);
    inner = NULL;
    collect();
    collect();
    struct hapax_table_stats stats;
    hapax_table_stats(selfish_table, &stats);
    cr_expect_geq(stats.evicted, MOST(N));
    /* Less than a word in the registry for each that came too late. */
    cr_expect_leq(stats.overhead_bytes - stats.slots * sizeof(void *), N * sizeof(void *) / 2);
}

/* An equality that waits for another thread, which interns a value of the same hash in the same table: it would wait
 * for ever if a lock were held. */
static sem_t compare_begun, other_has_interned;
static hapax_table *locked_table;
static atomic_bool wait_now;

static bool waiting_equal(const void *a, const void *b, size_t size)
{
    if (atomic_exchange(&wait_now, false)) {
        sem_post(&compare_begun);
        sem_wait(&other_has_interned);
    }
    return memcmp(a, b, size) == 0;
}

static void *intern_another(void *unused)
{
    sem_wait(&compare_begun);
    cr_assert_not_null(hapax_make_handle(locked_table, "other", 5));
    hapax_collect();
    sem_post(&other_has_interned);
    return unused;
}

Test(type, user_functions_run_under_no_lock, .timeout = 20)
{
    sem_init(&compare_begun, 0, 0);
    sem_init(&other_has_interned, 0, 0);
    struct hapax_type type = {.hash = constant, .equal = waiting_equal};
    locked_table = hapax_table_new(&type, 0);
    hapax_handle first = hapax_make_handle(locked_table, "first", 5);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, intern_another, NULL), 0);
    atomic_store(&wait_now, true);
    /* It waits inside the search; what it then inserts must not be taken for the only one. */
    hapax_handle third = hapax_make_handle(locked_table, "third", 5);
    pthread_join(thread, NULL);
    cr_expect_eq(hapax_find_handle(locked_table, "third", 5), third);
    cr_expect_eq(hapax_find_handle(locked_table, "first", 5), first);
}

/* ---- Pointers inside values ---- */

struct link {
    hapax_handle next;
    uint64_t number;
};

static const struct hapax_type links = {.size = sizeof(struct link), .flags = HAPAX_TYPE_HAS_POINTERS};

static NOINLINE hapax_handle make_chain(hapax_table *table, unsigned n)
{
    hapax_handle last = NULL;
    for (unsigned i = 0; i < n; i++) {
        struct link link = {last, i};
        last = hapax_make_handle(table, &link, sizeof link);
        cr_assert_not_null(last);
    }
    return last;
}

static NOINLINE void make_and_drop_chain(hapax_table *table, unsigned n)
{
    (void)make_chain(table, n);
}

Test(type, a_chain_lives_through_its_first_link)
{
    enum { N = 20000 };
    hapax_table *table = hapax_table_new(&links, 0);
    hapax_handle first = make_chain(table, N);
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

Test(type, a_chain_dies_in_one_collection)
{
    enum { N = 4000, CHAINS = 50 };
    hapax_table *tables[CHAINS];
    for (unsigned i = 0; i < CHAINS; i++) {
        tables[i] = hapax_table_new(&links, 0);
        make_and_drop_chain(tables[i], N);
    }
    uint64_t evicted = 0;
    bury();
    hapax_collect();
    for (unsigned i = 0; i < CHAINS; i++)
        evicted += evicted_from(tables[i]);
    cr_expect_geq(evicted, MOST(CHAINS) * N, "only %llu died at once", (unsigned long long)evicted);
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
