/* SPDX-License-Identifier: MIT */
/* Types: the user's copy, and user's functions that call the library. */
#include "config.h"

#include "type_tables.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>

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
