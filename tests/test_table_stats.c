/* SPDX-License-Identifier: MIT */
/* Tables that keep their values, and what is counted of tables. */
#include "config.h"

#include "table_numbers.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

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

enum { PINNED = 100, KEPT = 100 };

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
    if (address_space_is_limited())
        cr_skip_test("no room for many tables");
    uintptr_t hidden[PINNED];
    hapax_handle *held = hapax_alloc(PINNED * sizeof *held);
    pin_tables(hidden, held, &dead);
    collect_all();
    cr_expect_eq(atomic_load(&dead), 0);
    check_and_unpin(hidden);
    bury();
    hapax_collect();
    cr_expect(hapax_wait_cleanups(FOR_EVER));
    cr_expect_geq(atomic_load(&dead), MOST(PINNED) * (KEPT - 1));
    cr_expect_leq(atomic_load(&dead), PINNED * (KEPT - 1));
    for (unsigned t = 0; t < PINNED; t++) {
        char text[40];
        snprintf(text, sizeof text, "value %u", t);
        cr_assert_str_eq(hapax_handle_value(held[t]), text);
    }
}

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
static bool all_zero(const uint64_t *words, size_t bytes)
{
    for (size_t i = 0; i < bytes / sizeof *words; i++)
        if (words[i] != 0)
            return false;
    return bytes > 0;
}

/* A later library with more counters does not write behind the structs of a program of today. */
Test(table, spare_words_of_the_counts_read_0)
{
    struct hapax_stats process;
    struct hapax_table_stats counts;
    cr_expect_eq(sizeof process, 32 * sizeof(uint64_t));
    cr_expect_eq(sizeof counts, 16 * sizeof(uint64_t));
    memset(&process, 1, sizeof process);
    memset(&counts, 1, sizeof counts);
    hapax_stats(&process);
    hapax_table_stats(hapax_strings(), &counts);
    cr_expect(all_zero(process.spare, sizeof process.spare));
    cr_expect(all_zero(counts.spare, sizeof counts.spare));
}

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
