/* Tables: apart from each other, growing and shrinking, keeping their values, dying, counting. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* The hard build has few hashes, so long chains: smaller tables there, and no expectations of their shape. */
#ifdef HAPAX_HARD_TESTS
enum { SCALE = 20 };
static const bool hashes_are_good = false;
#else
enum { SCALE = 1 };
static const bool hashes_are_good = true;
#endif

static void begin(void)
{
    GC_INIT();
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(table, .init = begin, .timeout = 60);

static hapax_handle make(hapax_table *table, unsigned number)
{
    char text[40];
    int length = snprintf(text, sizeof text, "value %u", number);
    return hapax_make_handle(table, text, (size_t)length);
}

static hapax_handle find(hapax_table *table, unsigned number)
{
    char text[40];
    int length = snprintf(text, sizeof text, "value %u", number);
    return hapax_find_handle(table, text, (size_t)length);
}

static struct hapax_table_stats stats_of(hapax_table *table)
{
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    return stats;
}

static NOINLINE void make_and_forget(hapax_table *table, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++)
        cr_assert_not_null(make(table, i));
}

static hapax_handle *make_and_hold(hapax_table *table, unsigned n)
{
    hapax_handle *handles = hapax_alloc(n * sizeof *handles);
    for (unsigned i = 0; i < n; i++)
        cr_assert_not_null(handles[i] = make(table, i));
    return handles;
}

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

/* ---- Keeping values ---- */

Test(table, keeps_its_values_where_asked_to)
{
    enum { N = 20000 / SCALE };
    hapax_table *table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
    make_and_forget(table, 0, N);
    collect();
    collect();
    struct hapax_table_stats stats = stats_of(table);
    cr_expect_eq(stats.live, N);
    cr_expect_eq(stats.evicted, 0);
    for (unsigned i = 0; i < N; i++) {
        hapax_handle handle = find(table, i);
        cr_assert_not_null(handle);
        cr_assert_eq(make(table, i), handle);
    }
}

enum { PINNED = 20, KEPT = 500 };

/* Pinned tables whose addresses stand nowhere. */
static NOINLINE void pin_tables(uintptr_t *hidden, hapax_handle *held, atomic_uint *dead)
{
    for (unsigned t = 0; t < PINNED; t++) {
        hapax_table *table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
        cr_assert_eq(hapax_pin(table), 0);
        hidden[t] = ~(uintptr_t)table;
        for (unsigned i = 0; i < KEPT; i++) {
            hapax_handle handle = make(table, i);
            cr_assert_eq(hapax_add_cleanup(handle, count_one, dead, NULL), 0);
            if (i == t)
                held[t] = handle;
        }
    }
}

static NOINLINE void check_and_unpin(const uintptr_t *hidden)
{
    for (unsigned t = 0; t < PINNED; t++) {
        hapax_table *table = (hapax_table *)~hidden[t];
        cr_assert_eq(stats_of(table).live, KEPT);
        for (unsigned i = 0; i < KEPT; i++)
            cr_assert_not_null(find(table, i));
        hapax_unpin(table);
    }
}

Test(table, unpinned_it_lets_all_go_at_once)
{
    static atomic_uint dead;
    uintptr_t hidden[PINNED];
    hapax_handle *held = hapax_alloc(PINNED * sizeof *held);
    pin_tables(hidden, held, &dead);
    collect_all();
    cr_expect_eq(atomic_load(&dead), 0);
    check_and_unpin(hidden);
    bury();
    hapax_collect();
    cr_expect(hapax_wait_cleanups(60000));
    cr_expect_geq(atomic_load(&dead), MOST(PINNED) * (KEPT - 1));
    cr_expect_leq(atomic_load(&dead), PINNED * (KEPT - 1));
    for (unsigned t = 0; t < PINNED; t++) {
        char text[40];
        snprintf(text, sizeof text, "value %u", t);
        cr_assert_str_eq(hapax_handle_value(held[t]), text);
    }
}

struct node {
    hapax_handle left, right;
};

Test(table, kept_values_keep_what_they_point_to)
{
    enum { N = 3000 };
    struct hapax_type type = {.size = sizeof(struct node), .flags = HAPAX_TYPE_HAS_POINTERS};
    hapax_table *table = hapax_table_new(&type, HAPAX_TABLE_KEEPS_VALUES);
    for (unsigned i = 0; i < N; i++) {
        struct node node = {make(hapax_strings(), i), make(hapax_strings(), i + 1)};
        cr_assert_not_null(hapax_make_handle(table, &node, sizeof node));
    }
    collect();
    cr_expect_eq(stats_of(hapax_strings()).evicted, 0);
    cr_expect_eq(stats_of(table).live, N);
}

static bool equal_never(const void *a, const void *b, size_t size)
{
    (void)a;
    (void)b;
    (void)size;
    return false;
}

Test(table, keeps_what_nobody_finds_too)
{
    enum { N = 3000 };
    struct hapax_type type = {.equal = equal_never};
    hapax_table *table = hapax_table_new(&type, HAPAX_TABLE_KEEPS_VALUES);
    make_and_forget(table, 0, N);
    make_and_forget(table, 0, N);
    collect();
    collect();
    cr_expect_eq(stats_of(table).live, 2 * N);
    cr_expect_eq(stats_of(table).evicted, 0);
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

Test(table, memory_that_is_short_is_reported, .disabled = !CAN_LIMIT)
{
    enum { N = 300000 / SCALE };
    hapax_table *table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES), *other = NULL;
    hapax_table **tables = hapax_alloc(20000 * sizeof *tables);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
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

/* ---- Counting ---- */

Test(table, counts_exactly)
{
    enum { N = 10000 };
    hapax_table *table = hapax_table_new(NULL, 0);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    uint64_t bytes = 0;
    for (unsigned i = 0; i < N; i++) {
        handles[i] = make(table, i);
        bytes += hapax_handle_size(handles[i]);
        make(table, i);
    }
    struct hapax_table_stats stats = stats_of(table);
    cr_expect_eq(stats.live, N);
    cr_expect_eq(stats.evicted, 0);
    cr_expect_eq(stats.value_bytes, bytes);
    cr_expect_geq(stats.slots, N);
    cr_expect_geq(stats.overhead_bytes, stats.slots * sizeof(void *));
    cr_expect_geq(stats.levels, 1);
    cr_expect_eq(stats.lookups_waited, 0);
    /* A word in the trie and one in the registry for each value, and the empty ones. */
    cr_expect_geq(stats.overhead_bytes, (stats.slots + N) * sizeof(void *));
    for (unsigned i = 0; i < N; i += 2)
        handles[i] = NULL;
    collect();
    stats = stats_of(table);
    cr_expect_eq(stats.live + stats.evicted, N);
    cr_expect_geq(stats.evicted, MOST(N / 2));
    cr_expect_leq(stats.evicted, N / 2);
    cr_expect_lt(stats.value_bytes, bytes * 6 / 10);
}

Test(table, no_table_counts_nothing)
{
    struct hapax_table_stats stats, zero = {0};
    memset(&stats, 0xff, sizeof stats);
    hapax_table_stats(NULL, &stats);
    cr_expect(memcmp(&stats, &zero, sizeof stats) == 0);
    hapax_table_stats(NULL, NULL);
    hapax_table *table = hapax_table_new(NULL, 0);
    hapax_table_stats(table, NULL);
    stats = stats_of(table);
    cr_expect_eq(stats.live, 0);
    cr_expect_eq(stats.value_bytes, 0);
    cr_expect_gt(stats.overhead_bytes, 0);
}

/* Further lines count among the slots. */
Test(table, counts_the_slots_of_long_chains)
{
    enum { N = 3000 };
    hapax_table *table = hapax_table_new(NULL, 0), *even = hapax_table_new(NULL, 0);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles), *beside = make_and_hold(even, N);
    for (unsigned i = 0; i < N; i++)
        handles[i] = hapax_make_handle_hashed(table, &i, sizeof i, 1);
    struct hapax_table_stats stats = stats_of(table);
    if (hashes_are_good)
        cr_expect_geq(stats.slots, stats_of(even).slots + N / 2);
    hapax_keep_alive(beside);
    cr_expect_geq(stats.levels, N / 8);
    cr_expect_geq(stats.overhead_bytes, (stats.slots + N) * sizeof(void *));
    hapax_keep_alive(handles);
}

static hapax_table *looked_into;
static sem_t is_known, in_doubt;
static atomic_bool looking;
static GC_on_collection_event_proc others;

static void *look_for_the_doubted(void *unused)
{
    cr_assert_eq(hapax_init(), 0);
    sem_post(&is_known);
    while (sem_wait(&in_doubt) != 0)
        ;
    atomic_store(&looking, true);
    for (unsigned i = 0; i < 100; i++)
        (void)find(looked_into, i);
    return unused;
}

/* When values have been found unmarked, and before it is settled that they are dead, somebody else looks for them. */
static void GC_CALLBACK let_look(GC_EventType event)
{
    others(event);
    if (event != GC_EVENT_RECLAIM_START || atomic_load(&looking))
        return;
    sem_post(&in_doubt);
    while (!atomic_load(&looking))
        usleep(100);
    usleep(10000);
}

Test(table, counts_the_lookups_that_waited)
{
    sem_init(&is_known, 0, 0);
    sem_init(&in_doubt, 0, 0);
    looked_into = hapax_table_new(NULL, 0);
    others = GC_get_on_collection_event();
    /* Whether the other comes to its lookup in time is not sure, so again and again. */
    do {
        pthread_t thread;
        make_and_forget(looked_into, 0, 100);
        atomic_store(&looking, false);
        cr_assert_eq(pthread_create(&thread, NULL, look_for_the_doubted, NULL), 0);
        while (sem_wait(&is_known) != 0)
            ;
        GC_set_on_collection_event(let_look);
        collect();
        GC_set_on_collection_event(others);
        pthread_join(thread, NULL);
    } while (stats_of(looked_into).lookups_waited == 0);
}

/* Evictions are none of the user's cleanups. */
Test(table, evictions_are_no_cleanups)
{
    enum { N = 5000 };
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    hapax_table *table = hapax_table_new(NULL, 0);
    make_and_forget(table, 0, N);
    collect();
    cr_expect_geq(stats_of(table).evicted, MOST(N), "they happen without threads");
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_expect_eq(stats.cleanups_pending, 0);
    cr_expect_eq(stats.cleanups_queued, 0);
    cr_expect_eq(stats.cleanups_run, 0);
    cr_expect_eq(hapax_run_cleanups(), 0);
    cr_expect(hapax_wait_cleanups(0));
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
