/* SPDX-License-Identifier: MIT */
/* Tables: growth, death, memory that is short, threads. */
#include "config.h"

#include "table_numbers.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static void expect_all(hapax_table *table, hapax_handle *handles, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        cr_assert_eq(find(table, i), handles[i], "value %u of %u", i, n);
}

/* ---- Growing and shrinking ---- */

Test(table, grows_and_finds_everything)
{
    enum { N = 200000 / SCALE };
    hapax_table *table = hapax_table_new(NULL, 0);
    hapax_handle *handles = make_and_hold(table, N);
    expect_all(table, handles, N);
    collect();
    expect_all(table, handles, N);
    struct hapax_table_stats stats = stats_of(table);
    cr_expect_eq(stats.live, N);
    cr_expect_geq(stats.slots, N);
    if (hashes_are_good) {
        cr_expect_leq(stats.levels, 5);
        cr_expect_leq(stats.overhead_bytes, N * 32);
    }
}

Test(table, gives_its_memory_back_when_its_values_have_died)
{
    enum { N = 300000 / SCALE };
    hapax_table *table = hapax_table_new(NULL, 0);
    hapax_handle *few = make_and_hold(table, 500), *all = make_and_hold(table, N);
    struct hapax_table_stats full = stats_of(table);
    memset(all, 0, N * sizeof *all);
    collect();
    struct hapax_table_stats empty = stats_of(table);
    cr_expect_geq(empty.evicted, MOST(N));
    if (hashes_are_good) {
        cr_expect_lt(empty.slots, full.slots / 4, "%llu of %llu slots", (unsigned long long)empty.slots,
                     (unsigned long long)full.slots);
        cr_expect_lt(empty.overhead_bytes, full.overhead_bytes / 4);
    }
    expect_all(table, few, 500);
    /* And grows again. */
    hapax_handle *many = make_and_hold(table, N);
    expect_all(table, many, N);
    cr_expect(memcmp(few, many, 500 * sizeof *few) == 0);
}

/* Values come and go, never many at once: memory stays where it is, and lookups do not get longer. */
Test(table, many_turnovers_leave_no_trace)
{
    enum { N = 20000 / SCALE, ROUNDS = 40 };
    hapax_table *table = hapax_table_new(NULL, 0);
    struct hapax_table_stats stats, first = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        hapax_handle *handles = hapax_alloc(N * sizeof *handles);
        for (unsigned i = 0; i < N; i++)
            handles[i] = make(table, round * N + i);
        hapax_keep_alive(handles);
        collect();
        stats = stats_of(table);
        if (round == 4)
            first = stats;
    }
    cr_expect_geq(stats.evicted, (uint64_t)MOST(N) * (ROUNDS - 2));
    cr_expect_leq(stats.overhead_bytes, 2 * first.overhead_bytes);
    cr_expect_leq(stats.slots, 2 * first.slots);
    hapax_handle *handles = make_and_hold(table, N);
    cr_expect_leq(stats_of(table).levels, hashes_are_good ? 5 : N);
    hapax_keep_alive(handles);
}

/* ---- Incremental collections ---- */

enum { HELD_NODES = 4000 };
static hapax_handle held_nodes[HELD_NODES];
static hapax_table *node_tables[2];

static NOINLINE void hold_nodes(unsigned round)
{
    hapax_handle last = NULL;
    for (unsigned i = 0; i < HELD_NODES; i++) {
        struct node node = {make(hapax_strings(), round * HELD_NODES + i), i % 20 == 0 ? NULL : last};
        hapax_handle handle = hapax_make_handle(node_tables[round % 2], &node, sizeof node);
        cr_assert_not_null(handle);
        /* The other table keeps them itself. */
        held_nodes[i] = i % 20 == 19 && round % 2 == 0 ? handle : NULL;
        last = handle;
        if (i % 16 == 0)
            GC_collect_a_little();
        if (i % 1000 == 999 && round % 2 == 0)
            hapax_collect();
    }
}

static bool check_kept(hapax_handle handle, void *count)
{
    const struct node *node = hapax_handle_value(handle);
    unsigned number;
    cr_assert_eq(sscanf(hapax_handle_value(node->left), "value %u", &number), 1);
    cr_assert_eq(find(hapax_strings(), number), node->left);
    cr_assert_eq(hapax_find_handle(node_tables[1], node, sizeof *node), handle);
    ++*(unsigned *)count;
    return true;
}

static NOINLINE void check_nodes(unsigned round)
{
    for (unsigned i = 0; i < HELD_NODES; i++) {
        hapax_handle at = held_nodes[i];
        for (unsigned back = 0; at != NULL && back <= i % 20; back++) {
            const struct node *node = hapax_handle_value(at);
            char text[40];
            snprintf(text, sizeof text, "value %u", round * HELD_NODES + i - back);
            cr_assert_str_eq(hapax_handle_value(node->left), text);
            cr_assert_eq(make(hapax_strings(), round * HELD_NODES + i - back), node->left);
            cr_assert_eq(hapax_find_handle(node_tables[round % 2], node, sizeof *node), at);
            at = node->right;
        }
    }
}

static void come_and_go(void)
{
    struct hapax_type type = {.size = sizeof(struct node), .flags = HAPAX_TYPE_HAS_POINTERS};
    for (unsigned i = 0; i < 2; i++)
        node_tables[i] = hapax_table_new(&type, i == 0 ? 0 : HAPAX_TABLE_KEEPS_VALUES);
    for (unsigned round = 0; round < 6; round++) {
        hold_nodes(round);
        check_nodes(round);
        memset(held_nodes, 0, sizeof held_nodes);
    }
    /* Of a table that keeps, everything is there still. */
    unsigned count = 0;
    cr_assert(hapax_table_each(node_tables[1], check_kept, &count));
    cr_assert_eq(count, 3 * HELD_NODES);
    cr_assert_eq(stats_of(node_tables[1]).live, 3 * HELD_NODES);
    cr_assert_eq(stats_of(node_tables[1]).evicted, 0);
}

Test(table, values_hold_and_are_kept_beside_incremental_collections)
{
    GC_enable_incremental();
    come_and_go();
}

/* The collector knows of writes only what it is told. Static data it searches anyway. */
Test(table, values_hold_and_are_kept_where_writes_are_told)
{
    GC_set_manual_vdb_allowed(1);
    GC_enable_incremental();
    come_and_go();
}

/* ---- Death ---- */

static NOINLINE void make_tables(unsigned tables, unsigned values, unsigned flags, atomic_uint *dead)
{
    for (unsigned i = 0; i < tables; i++) {
        hapax_table *table = hapax_table_new(NULL, flags);
        cr_assert_not_null(table);
        cr_assert_eq(hapax_add_cleanup(table, count_one, dead, NULL), 0);
        make_and_forget(table, 0, values);
    }
}

static size_t address_space(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert_eq(fscanf(file, "%zu", &pages), 1);
    fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

Test(table, dies_with_all_that_it_took)
{
    enum { TABLES = 100 };
    static atomic_uint dead;
    if (address_space_is_limited())
        cr_skip_test("no room for many tables");
    make_tables(20, 1000, 0, &dead);
    collect_all();
    size_t before = address_space();
    for (unsigned i = 0; i < 4; i++) {
        make_tables(TABLES, 1000, i % 2 == 0 ? 0 : HAPAX_TABLE_KEEPS_VALUES, &dead);
        collect_all();
    }
    cr_expect_geq(atomic_load(&dead), MOST(20 + 4 * TABLES));
    /* A large table reserves address space for as many values as the machine can hold. */
    size_t reserved = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE) / 4;
    cr_expect_leq(address_space(), before + TABLES / 5 * reserved);
}

Test(table, there_may_be_many_large_ones)
{
    enum { TABLES = 500 / SCALE, VALUES = 600 };
    if (address_space_is_limited())
        cr_skip_test("no room for many tables");
    hapax_table **tables = hapax_alloc(TABLES * sizeof *tables);
    hapax_handle **handles = hapax_alloc(TABLES * sizeof *handles);
    for (unsigned i = 0; i < TABLES; i++) {
        tables[i] = hapax_table_new(NULL, 0);
        cr_assert_not_null(tables[i]);
        handles[i] = make_and_hold(tables[i], VALUES);
    }
    for (unsigned i = 0; i < TABLES; i++)
        expect_all(tables[i], handles[i], VALUES);
    collect();
    for (unsigned i = 0; i < TABLES; i++) {
        expect_all(tables[i], handles[i], VALUES);
        cr_assert_leq(stats_of(tables[i]).levels, hashes_are_good ? 4 : VALUES);
    }
}

/* ---- Memory that is short ---- */

#ifdef __SANITIZE_ADDRESS__
#define CAN_LIMIT false
#else
#define CAN_LIMIT true
#endif

static rlim_t limit_to(rlim_t bytes)
{
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_AS, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = bytes;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    return before;
}

/* bdwgc makes a map for each size of small objects with the first of them. If there is no memory for that, its next
 * collection reads the map that is not there. */
static void make_one_of_each_size(void)
{
    enum { SMALL = 2048, GRANULE = 16 };
    for (size_t size = GRANULE; size <= SMALL; size += GRANULE)
        cr_assert_not_null(hapax_alloc_plain(size));
}

Test(table, memory_that_is_short_is_reported, .disabled = !CAN_LIMIT)
{
    enum { N = 300000 / SCALE };
    hapax_table *table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES), *other = NULL;
    hapax_table **tables = hapax_alloc(20000 * sizeof *tables);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    make_one_of_each_size();
    GC_set_warn_proc(GC_ignore_warn_proc);
    rlim_t before = limit_to(0);
    unsigned made = 0, made_tables = 0;
    errno = 0;
    while (made < N && (handles[made] = make(table, made)) != NULL)
        made++;
    int error = errno;
    errno = 0;
    while (made_tables < 20000 && (other = hapax_table_new(NULL, 0)) != NULL)
        tables[made_tables++] = other;
    int table_error = errno;
    limit_to(before);
    cr_expect_lt(made, N);
    cr_expect_eq(error, ENOMEM);
    cr_expect_lt(made_tables, 20000);
    cr_expect_eq(table_error, ENOMEM);
    expect_all(table, handles, made);
    cr_expect_eq(stats_of(table).live, made);
    for (; made < N; made++)
        cr_assert_not_null(handles[made] = make(table, made));
    expect_all(table, handles, N);
}

/* ---- Threads ---- */

enum { THREADS = 4, EACH = 30000 / SCALE };
static hapax_table *shared;

static void *fill(void *data)
{
    unsigned me = (unsigned)(uintptr_t)data;
    hapax_handle *handles = hapax_alloc(EACH * sizeof *handles);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < EACH; i++)
            handles[i] = make(shared, me * EACH / 2 + i);
        for (unsigned i = 0; i < EACH; i++)
            cr_assert_eq(find(shared, me * EACH / 2 + i), handles[i]);
        memset(handles, 0, EACH * sizeof *handles);
        if (me == 0)
            hapax_collect();
    }
    return NULL;
}

Test(table, threads_fill_it_together)
{
    shared = hapax_table_new(NULL, 0);
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, fill, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct hapax_table_stats stats = stats_of(shared);
    cr_expect_leq(stats.live, (THREADS + 1) * EACH / 2);
    collect();
    cr_expect_leq(stats_of(shared).live, (THREADS + 1) * EACH / 20);
}

enum { FOUND = 300 };
static hapax_handle *to_be_found;
static atomic_bool found_enough;

static void *find_all_the_time(void *unused)
{
    cr_assert_eq(hapax_init(), 0);
    while (!atomic_load(&found_enough))
        for (unsigned i = 0; i < FOUND; i++)
            cr_assert_eq(find(shared, i), to_be_found[i], "value %u", i);
    return unused;
}

/* Entries move; nobody may look for one where it is no more, or not yet, and then say that there is none. */
Test(table, what_is_held_is_found_while_entries_move)
{
    enum { MANY = 60000 / SCALE, FINDERS = 2 };
    for (unsigned round = 0; round < 5; round++) {
        shared = hapax_table_new(NULL, 0);
        to_be_found = make_and_hold(shared, FOUND);
        atomic_store(&found_enough, false);
        pthread_t threads[FINDERS];
        for (unsigned i = 0; i < FINDERS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, find_all_the_time, NULL), 0);
        make_and_forget(shared, FOUND, MANY);
        collect();
        atomic_store(&found_enough, true);
        for (unsigned i = 0; i < FINDERS; i++)
            pthread_join(threads[i], NULL);
    }
}
