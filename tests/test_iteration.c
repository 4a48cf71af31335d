/* SPDX-License-Identifier: MIT */
/* Visiting the handles of a table. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { N = 3000 };

static hapax_table *table;

static void begin(void)
{
    GC_INIT();
    table = hapax_table_new(NULL, 0);
    cr_assert_not_null(table);
}

TestSuite(iteration, .init = begin, .timeout = 60);

static hapax_handle make(hapax_table *into, unsigned number)
{
    char text[40];
    int length = snprintf(text, sizeof text, "value %u", number);
    return hapax_make_handle(into, text, (size_t)length);
}

static hapax_handle *make_and_hold(unsigned first, unsigned n)
{
    hapax_handle *handles = hapax_alloc(n * sizeof *handles);
    for (unsigned i = 0; i < n; i++)
        handles[i] = make(table, first + i);
    return handles;
}

static NOINLINE void make_and_forget(unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++)
        cr_assert_not_null(make(table, i));
}

/* How often each value was visited, and under which handle: in memory that keeps nothing alive. */
enum { ROOM = 40000 };
static unsigned char *times;
static unsigned visits;

static bool count(hapax_handle handle, void *context)
{
    unsigned number;
    (void)context;
    cr_assert_eq(sscanf(hapax_handle_value(handle), "value %u", &number), 1);
    cr_assert_lt(number, ROOM);
    times[number]++;
    visits++;
    return true;
}

static void start_counting(void)
{
    times = calloc(ROOM, 1);
    visits = 0;
}

static void expect_once(unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++)
        cr_assert_eq(times[i], 1, "value %u was visited %u times", i, times[i]);
}

Test(iteration, visits_each_once)
{
    hapax_handle *handles = make_and_hold(0, N);
    start_counting();
    cr_expect(hapax_table_each(table, count, NULL));
    expect_once(0, N);
    cr_expect_eq(visits, N);
    hapax_keep_alive(handles);
}

static bool is_canonical(hapax_handle handle, void *context)
{
    const char *bytes = hapax_handle_value(handle);
    cr_assert_eq(hapax_find_handle(context, bytes, hapax_handle_size(handle)), handle);
    return true;
}

Test(iteration, gives_the_handles_themselves)
{
    hapax_handle *handles = make_and_hold(0, N);
    cr_expect(hapax_table_each(table, is_canonical, table));
    hapax_keep_alive(handles);
}

Test(iteration, an_empty_table_is_at_its_end)
{
    start_counting();
    errno = 77;
    cr_expect(hapax_table_each(table, count, NULL));
    cr_expect_eq(visits, 0);
    cr_expect_eq(errno, 77);
}

static bool stop_after(hapax_handle handle, void *left)
{
    (void)handle;
    return --*(unsigned *)left > 0;
}

Test(iteration, stops_where_it_is_told)
{
    hapax_handle *handles = make_and_hold(0, N);
    for (unsigned after = 1; after <= N; after += 371) {
        unsigned left = after;
        cr_expect_not(hapax_table_each(table, stop_after, &left));
        cr_expect_eq(left, 0);
    }
    unsigned left = N + 1;
    cr_expect(hapax_table_each(table, stop_after, &left));
    cr_expect_eq(left, 1);
    hapax_keep_alive(handles);
}

Test(iteration, mistakes_are_refused)
{
    errno = 0;
    cr_expect_not(hapax_table_each(NULL, count, NULL));
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_not(hapax_table_each(table, NULL, NULL));
    cr_expect_eq(errno, EINVAL);
}

Test(iteration, does_not_visit_the_dead)
{
    hapax_handle *handles = make_and_hold(0, N);
    make_and_forget(N, N);
    collect();
    start_counting();
    cr_expect(hapax_table_each(table, count, NULL));
    expect_once(0, N);
    cr_expect_leq(visits, 2 * N - MOST(N));
    hapax_keep_alive(handles);
}

/* ---- What visit may do ---- */

static bool intern_more(hapax_handle handle, void *context)
{
    unsigned *next = context;
    if (*next < ROOM)
        cr_assert_not_null(make(table, (*next)++));
    return count(handle, NULL);
}

Test(iteration, visit_may_intern)
{
    hapax_handle *handles = make_and_hold(0, N);
    unsigned next = N;
    start_counting();
    cr_expect(hapax_table_each(table, intern_more, &next));
    expect_once(0, N);
    for (unsigned i = N; i < ROOM; i++)
        cr_assert_leq(times[i], 1);
    hapax_keep_alive(handles);
}

/* Without an end of its own: what is made while the table is visited must not be visited for ever. */
static bool intern_one_more(hapax_handle handle, void *context)
{
    unsigned *next = context;
    (void)handle;
    cr_assert_lt(*next, 100 * N, "the visit never comes to an end");
    cr_assert_not_null(make(table, (*next)++));
    return true;
}

Test(iteration, comes_to_its_end_where_each_visit_interns)
{
    static const unsigned flags[] = {0, HAPAX_TABLE_KEEPS_VALUES}, sizes[] = {20, N, 7000, 3 * N};
    for (unsigned i = 0; i < 2; i++)
        for (unsigned j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            table = hapax_table_new(NULL, flags[i]);
            hapax_handle *handles = make_and_hold(0, sizes[j]);
            unsigned next = sizes[j];
            cr_expect(hapax_table_each(table, intern_one_more, &next));
            cr_expect_geq(next, 2 * sizes[j]);
            hapax_keep_alive(handles);
        }
}

struct killing {
    hapax_handle *handles;
    unsigned calls;
};

/* Lets most go, collects, makes others. */
static bool kill_and_collect(hapax_handle handle, void *context)
{
    struct killing *killing = context;
    if (killing->calls++ % 200 == 0) {
        for (unsigned i = 0; i < N; i++)
            if (i % 30 != 0 && i % 10 == killing->calls / 200 % 10)
                killing->handles[i] = NULL;
        hapax_collect();
        make_and_forget(N + killing->calls, 300);
    }
    return count(handle, NULL);
}

Test(iteration, visit_may_collect)
{
    hapax_handle *handles = make_and_hold(0, N);
    struct killing killing = {handles, 0};
    start_counting();
    cr_expect(hapax_table_each(table, kill_and_collect, &killing));
    for (unsigned i = 0; i < ROOM; i++)
        if (i < N && i % 30 == 0)
            cr_assert_eq(times[i], 1, "value %u is held, and was visited %u times", i, times[i]);
        else if (i < N)
            cr_assert_leq(times[i], 1);
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_expect_geq(stats.evicted, N / 2);
}

static bool iterate_again(hapax_handle handle, void *context)
{
    if (++*(unsigned *)context % 500 == 0) {
        unsigned left = 1000000;
        cr_assert(hapax_table_each(table, stop_after, &left));
        cr_assert_leq(left, 1000000 - N);
    }
    return count(handle, NULL);
}

Test(iteration, visit_may_iterate)
{
    hapax_handle *handles = make_and_hold(0, N);
    unsigned calls = 0;
    start_counting();
    cr_expect(hapax_table_each(table, iterate_again, &calls));
    expect_once(0, N);
    hapax_keep_alive(handles);
}

/* The table's last reference goes while it is visited. */
struct only {
    hapax_table *table;
    unsigned calls;
};

static bool let_go_of_table(hapax_handle handle, void *context)
{
    struct only *only = context;
    (void)handle;
    if (only->calls++ == 0) {
        only->table = NULL;
        bury();
        hapax_collect();
        hapax_collect();
    }
    return true;
}

static NOINLINE void visit_the_only(struct only *only)
{
    bury();
    cr_expect(hapax_table_each(only->table, let_go_of_table, only));
}

Test(iteration, the_table_lives_until_the_end)
{
    struct only *only = hapax_alloc(sizeof *only);
    for (unsigned round = 0; round < 20; round++) {
        *only = (struct only){hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES), 0};
        for (unsigned i = 0; i < 1000; i++)
            make(only->table, i);
        visit_the_only(only);
        cr_expect_eq(only->calls, 1000);
    }
}

Test(iteration, visits_what_a_table_keeps)
{
    table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
    make_and_forget(0, N);
    collect();
    start_counting();
    cr_expect(hapax_table_each(table, count, NULL));
    expect_once(0, N);
}

/* ---- Beside other threads ---- */

static atomic_bool over;

static void *come_and_go(void *data)
{
    unsigned first = (unsigned)(uintptr_t)data;
    hapax_handle *handles = hapax_alloc(1000 * sizeof *handles);
    for (unsigned round = 0; !atomic_load(&over); round++) {
        for (unsigned i = 0; i < 1000; i++)
            handles[i] = make(table, first + (round * 1000 + i) % 10000);
        memset(handles, 0, 1000 * sizeof *handles);
        if (round % 4 == 0)
            hapax_collect();
    }
    return NULL;
}

Test(iteration, beside_threads_that_come_and_go)
{
    hapax_handle *handles = make_and_hold(0, N);
    pthread_t threads[3];
    for (unsigned i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, come_and_go, (void *)(uintptr_t)(N + i * 10000)), 0);
    start_counting();
    for (unsigned round = 0; round < 60; round++) {
        memset(times, 0, ROOM);
        cr_assert(hapax_table_each(table, count, NULL));
        expect_once(0, N);
    }
    atomic_store(&over, true);
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    hapax_keep_alive(handles);
}
