/* SPDX-License-Identifier: MIT */
/* Many handles in one call. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void begin(void)
{
    GC_INIT();
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(batch, .init = begin, .timeout = 60);

enum { MOST_TEXTS = 5000 };
static char texts[MOST_TEXTS][64];

static hapax_span *spans_of(unsigned n, unsigned distinct)
{
    hapax_span *spans = calloc(n, sizeof *spans);
    for (unsigned i = 0; i < n; i++) {
        unsigned number = i % distinct;
        int length = snprintf(texts[number], sizeof texts[number], "value %0*u", (int)(number % 23) + 1, number);
        spans[i] = (hapax_span){texts[number], (size_t)length};
    }
    return spans;
}

Test(batch, makes_what_single_calls_make)
{
    static const unsigned sizes[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 1000, 5000};
    for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        unsigned n = sizes[s];
        hapax_table *table = hapax_table_new(NULL, 0);
        hapax_span *spans = spans_of(n, n);
        hapax_handle *handles = hapax_alloc((n + 1) * sizeof *handles), *again = hapax_alloc(n * sizeof *handles);
        handles[n] = (hapax_handle)table;
        errno = 77;
        cr_assert_eq(hapax_make_handles(table, spans, n, handles), n);
        cr_assert_eq(errno, 77);
        cr_assert_eq(handles[n], (hapax_handle)table, "nothing is written behind the last");
        for (unsigned i = 0; i < n; i++) {
            cr_assert_eq(hapax_handle_size(handles[i]), spans[i].size);
            cr_assert(memcmp(hapax_handle_value(handles[i]), spans[i].data, spans[i].size) == 0);
            cr_assert_eq(hapax_find_handle(table, spans[i].data, spans[i].size), handles[i]);
        }
        /* Once more, of values that are there, and of a half that died. */
        cr_assert_eq(hapax_make_handles(table, spans, n, again), n);
        cr_assert(memcmp(handles, again, n * sizeof *again) == 0);
        for (unsigned i = 0; i < n; i += 2)
            handles[i] = again[i] = NULL;
        memset(again, 0, n * sizeof *again);
        collect();
        cr_assert_eq(hapax_make_handles(table, spans, n, again), n);
        for (unsigned i = 0; i < n; i++)
            cr_assert(handles[i] == NULL || handles[i] == again[i]);
        free(spans);
    }
}

Test(batch, equal_values_in_a_batch_get_one_handle)
{
    enum { N = 1000 };
    hapax_table *table = hapax_table_new(NULL, 0);
    for (unsigned distinct = 1; distinct < 60; distinct++) {
        hapax_span *spans = spans_of(N, distinct);
        hapax_handle *handles = hapax_alloc(N * sizeof *handles);
        cr_assert_eq(hapax_make_handles(table, spans, N, handles), N);
        for (unsigned i = distinct; i < N; i++)
            cr_assert_eq(handles[i], handles[i - distinct]);
        for (unsigned i = 1; i < distinct; i++)
            cr_assert_neq(handles[i], handles[i - 1]);
        free(spans);
    }
}

Test(batch, every_kind_of_span)
{
    hapax_table *table = hapax_table_new(NULL, 0);
    char *longer = malloc(100000);
    memset(longer, 'l', 100000);
    hapax_span spans[] = {{NULL, 0}, {"", 0},   {"x", 1},  {longer, 100000},
                          {"x", 1},  {"\0", 1}, {NULL, 0}, {longer, 65535}};
    enum { N = sizeof spans / sizeof *spans };
    hapax_handle handles[N];
    for (unsigned round = 0; round < 3; round++) {
        cr_assert_eq(hapax_make_handles(table, spans, N, handles), N);
        cr_expect(handles[0] == handles[1] && handles[0] == handles[6]);
        cr_expect_eq(handles[2], handles[4]);
        cr_expect_neq(handles[2], handles[5]);
        cr_expect_neq(handles[3], handles[7]);
        for (unsigned i = 0; i < N; i++)
            cr_expect_eq(hapax_handle_size(handles[i]), spans[i].size);
    }
    free(longer);
}

Test(batch, nothing_is_nothing)
{
    hapax_table *table = hapax_table_new(NULL, 0);
    errno = 77;
    cr_expect_eq(hapax_make_handles(table, NULL, 0, NULL), 0);
    cr_expect_eq(errno, 77);
}

static void expect_stop(hapax_table *table, hapax_span *spans, unsigned n, unsigned where, int error)
{
    hapax_handle *handles = hapax_alloc(n * sizeof *handles);
    memset(handles, 0xff, n * sizeof *handles);
    errno = 0;
    size_t made = hapax_make_handles(table, spans, n, handles);
    int seen = errno;
    cr_assert_eq(made, where, "stopped at %zu instead of %u", made, where);
    cr_expect_eq(seen, error);
    for (unsigned i = 0; i < n; i++)
        if (i < where)
            cr_assert_eq(handles[i], hapax_find_handle(table, spans[i].data, spans[i].size));
        else
            cr_assert_null(handles[i], "handle %u of %u", i, n);
}

Test(batch, stops_at_the_first_mistake)
{
    static const unsigned places[] = {0, 1, 15, 16, 31, 32, 33, 64, 70, 99};
    enum { N = 100 };
    struct hapax_type type = {.size = 8};
    for (unsigned p = 0; p < sizeof places / sizeof *places; p++) {
        hapax_table *strings = hapax_table_new(NULL, 0), *fixed = hapax_table_new(&type, 0);
        hapax_span *spans = spans_of(N, N);
        spans[places[p]].data = NULL;
        expect_stop(strings, spans, N, places[p], EINVAL);
        if (places[p] < N - 1)
            cr_expect_null(hapax_find_handle(strings, spans[places[p] + 1].data, spans[places[p] + 1].size));
        for (unsigned i = 0; i < N; i++)
            spans[i] = (hapax_span){&texts[i], 8};
        spans[places[p]].size = 9;
        expect_stop(fixed, spans, N, places[p], EINVAL);
        free(spans);
    }
}

static unsigned copies_left;

static bool copy_some(void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    return copies_left-- > 0;
}

Test(batch, stops_where_memory_is_short)
{
    enum { N = 100 };
    struct hapax_type type = {.copy = copy_some};
    for (unsigned where = 0; where < N; where += 7) {
        hapax_table *table = hapax_table_new(&type, 0);
        hapax_span *spans = spans_of(N, N);
        copies_left = where;
        expect_stop(table, spans, N, where, ENOMEM);
        free(spans);
    }
}

Test(batch, mistakes_of_the_whole)
{
    hapax_table *table = hapax_table_new(NULL, 0);
    hapax_span *spans = spans_of(10, 10);
    hapax_handle handles[10];
    memset(handles, 0xff, sizeof handles);
    errno = 0;
    cr_expect_eq(hapax_make_handles(table, spans, 10, NULL), 0);
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_eq(hapax_make_handles(table, NULL, 10, handles), 0);
    cr_expect_eq(errno, EINVAL);
    for (unsigned i = 0; i < 10; i++)
        cr_expect_null(handles[i]);
    memset(handles, 0xff, sizeof handles);
    errno = 0;
    cr_expect_eq(hapax_make_handles(NULL, spans, 10, handles), 0);
    cr_expect_eq(errno, EINVAL);
    for (unsigned i = 0; i < 10; i++)
        cr_expect_null(handles[i]);
}

static bool equal_never(const void *a, const void *b, size_t size)
{
    (void)a;
    (void)b;
    (void)size;
    return false;
}

Test(batch, of_user_types)
{
    enum { N = 200 };
    struct hapax_type nothing_equals = {.equal = equal_never}, fixed = {.size = 16};
    hapax_table *alone = hapax_table_new(&nothing_equals, 0), *table = hapax_table_new(&fixed, 0);
    hapax_span *spans = spans_of(N, 10);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    cr_assert_eq(hapax_make_handles(alone, spans, N, handles), N);
    for (unsigned i = 0; i < N; i++)
        for (unsigned j = 0; j < i; j++)
            cr_assert_neq(handles[i], handles[j]);
    for (unsigned i = 0; i < N; i++)
        spans[i] = (hapax_span){texts[i % 10], 16};
    cr_assert_eq(hapax_make_handles(table, spans, N, handles), N);
    for (unsigned i = 10; i < N; i++)
        cr_assert_eq(handles[i], handles[i - 10]);
    free(spans);
}

/* ---- Threads ---- */

static hapax_table *shared;

/* The batch is the thread's very first call. */
static void *make_first_of_all(void *data)
{
    hapax_span *spans = data;
    hapax_handle handles[100];
    cr_assert_eq(hapax_make_handles(shared, spans, 100, handles), 100);
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(hapax_find_handle(shared, spans[i].data, spans[i].size), handles[i]);
    return NULL;
}

Test(batch, as_the_first_call_of_a_thread)
{
    shared = hapax_table_new(NULL, 0);
    hapax_span *spans = spans_of(100, 100);
    for (unsigned i = 0; i < 20; i++) {
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, make_first_of_all, spans), 0);
        pthread_join(thread, NULL);
    }
    free(spans);
}

enum { THREADS = 4, N = 4000 };

static void *make_batches(void *data)
{
    hapax_handle *handles = data;
    hapax_span *spans = calloc(N, sizeof *spans);
    for (unsigned i = 0; i < N; i++)
        spans[i] = (hapax_span){texts[i], strlen(texts[i])};
    cr_assert_eq(hapax_make_handles(shared, spans, N, handles), N);
    free(spans);
    return NULL;
}

Test(batch, racing_batches_get_the_same_handles)
{
    shared = hapax_table_new(NULL, 0);
    free(spans_of(N, N));
    pthread_t threads[THREADS];
    hapax_handle *handles[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        handles[i] = hapax_alloc(N * sizeof *handles[i]);
        cr_assert_eq(pthread_create(&threads[i], NULL, make_batches, handles[i]), 0);
    }
    for (unsigned i = 0; i < 5; i++)
        hapax_collect();
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 1; i < THREADS; i++)
        cr_assert(memcmp(handles[0], handles[i], N * sizeof *handles[0]) == 0);
}
