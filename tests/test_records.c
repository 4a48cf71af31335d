/* SPDX-License-Identifier: MIT */
/* The memory of cleanups and finalizers, from inside and from outside: src/cleanup/records.h. */
#include "config.h"

#include "dying.h"

#include "cleanup/record_index.h"
#include "cleanup/records.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct record {
    struct record_head head;
    uintptr_t words[7];
};

static struct records records = {.size = sizeof(struct record)};

enum { N = 20000 };

static struct record *all[N];

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

static struct record *take(size_t number)
{
    struct record *record = records_take(&records);
    cr_assert_not_null(record);
    for (unsigned i = 0; i < 7; i++)
        cr_assert_eq(record->words[i], 0);
    cr_assert_eq(load_relaxed(&record->head.state->state), 0);
    cr_assert_eq(record_of_state(record->head.state), record);
    store_relaxed(&record->head.state->state, number + 1);
    record->words[0] = record->words[6] = number;
    return record;
}

static void give(struct record *record)
{
    spin_acquire(&records_lock);
    store_relaxed(&record->head.state->state, 0);
    records_give(record);
    spin_release(&records_lock);
}

static size_t states_in_use(void)
{
    size_t count = 0;
    FOR_EACH_STATE(state, &records)
        count += load_relaxed(&state->state) != 0;
    return count;
}

static size_t needed(size_t count)
{
    return (count + RECORDS_PER_GROUP - 1) / RECORDS_PER_GROUP;
}

static void take_all(void)
{
    for (size_t i = 0; i < N; i++)
        all[i] = take(i);
    for (size_t i = 0; i < N; i++)
        cr_assert(all[i]->words[0] == i && all[i]->words[6] == i, "two records overlap");
    cr_expect_eq(states_in_use(), N);
}

TestSuite(records, .init = start);

/* How many pages of these states are in memory. They stand one behind the other. */
static size_t resident(struct record_state *const *states, size_t n)
{
    size_t count = 0;
    uintptr_t last = 0;
    for (size_t i = 0; i < n; i++) {
        uintptr_t page = (uintptr_t)states[i] & ~(uintptr_t)(PAGE_BYTES - 1);
        unsigned char there = 0;
        if (page != last && mincore((void *)page, 1, &there) == 0)
            count += there & 1;
        last = page;
    }
    return count;
}

Test(records, leave_no_more_than_a_group_behind)
{
    for (unsigned round = 0; round < 3; round++) {
        take_all();
        cr_expect_eq(records_groups(&records), needed(N));
        static struct record_state *states[N];
        for (size_t i = 0; i < N; i++) {
            states[i] = all[i]->head.state;
            give(all[i]);
        }
        bool groups_are_pages = sysconf(_SC_PAGESIZE) == PAGE_BYTES;
        cr_expect(!groups_are_pages || resident(states, N) >= needed(N));
        records_release(&records);
        cr_expect(!groups_are_pages || resident(states, N) <= 1);
        cr_expect_eq(records_groups(&records), 1);
        cr_expect_eq(states_in_use(), 0);
        /* An address that was kept is safe to look at, and leads to nothing. */
        for (size_t i = 0; i < N; i++)
            cr_assert_eq(load_relaxed(&states[i]->state), 0);
    }
}

Test(records, use_groups_up_before_they_begin_another)
{
    take_all();
    for (size_t i = 0; i < N; i++)
        if (i % 10 != 0)
            give(all[i]);
    records_release(&records);
    for (size_t i = 0; i < N; i++)
        if (i % 10 != 0)
            all[i] = take(i);
    cr_expect_leq(records_groups(&records), needed(N));
    for (size_t i = 0; i < N; i++)
        cr_assert(all[i]->words[0] == i && all[i]->words[6] == i, "two records overlap");
    for (size_t i = 0; i < N; i++)
        if (i % (4 * RECORDS_PER_GROUP) != 0)
            give(all[i]);
    records_release(&records);
    cr_expect_leq(records_groups(&records), needed(N / 4) + 1);
}

enum { THREADS = 4, ROUNDS = 300, BATCH = 700 };

static void *take_and_give(void *data)
{
    (void)data;
    static _Thread_local struct record *mine[BATCH];
    cr_assert_eq(hapax_init(), 0);
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < BATCH; i++)
            mine[i] = take((uintptr_t)&mine[i] + i);
        for (size_t i = 0; i < BATCH; i++)
            cr_assert_eq(mine[i]->words[6], (uintptr_t)&mine[i] + i);
        for (size_t i = 0; i < BATCH; i++)
            give(mine[i]);
        records_release(&records);
    }
    return NULL;
}

Test(records, threads_take_and_give_side_by_side)
{
    pthread_t threads[THREADS];
    for (unsigned i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, take_and_give, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    records_release(&records);
    cr_expect_leq(records_groups(&records), 1);
}

/* ---- As the program sees it ---- */

static uint64_t bytes_in_use(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.heap_bytes - stats.heap_free_bytes;
}

static atomic_uint ran;

#ifndef HAPAX_HARD_TESTS
enum { OBJECTS = 100000 };
#else
enum { OBJECTS = 5000 };
#endif

static void *objects[OBJECTS];

/* Makes objects in a frame that is gone; `watch` has something run when each dies. */
static NOINLINE void make_objects(void (*watch)(size_t i))
{
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i] = hapax_alloc(16);
        watch(i);
    }
}

static void clean_up(size_t i)
{
    cr_assert_eq(hapax_add_cleanup(objects[i], count_one, &ran, NULL), 0);
}

static void count_object(void *object, void *counter)
{
    (void)object;
    count_one(counter);
}

static void finalize(size_t i)
{
    cr_assert_eq(hapax_set_finalizer(objects[i], count_object, &ran), 0);
}

/* Pages of small objects that are freed by hand stay with bdwgc, for objects of the same size, where it marks in
 * parallel. */
enum { IS_GROUP_SMALL = RECORDS_PER_GROUP * sizeof(struct record) <= PAGE_BYTES / 2 };

static void expect_to_be_given_back(void (*watch)(size_t i))
{
    collect_all();
    uint64_t before = bytes_in_use();
    make_objects(watch);
    uint64_t most = bytes_in_use();
    memset(objects, 0, sizeof objects);
    collect_all();
    cr_assert_geq(atomic_load(&ran), MOST(OBJECTS));
    collect_all();      /* memory of objects that their finalizers got */
    uint64_t after = bytes_in_use();
    cr_expect_gt(most, before + OBJECTS * sizeof(struct record));
    if (!IS_GROUP_SMALL)
        cr_expect_lt(after, before + (most - before) / 4, "%llu, then %llu, then %llu bytes",
                     (unsigned long long)before, (unsigned long long)most, (unsigned long long)after);
}

Test(records, of_cleanups_that_have_run_are_given_back)
{
    expect_to_be_given_back(clean_up);
}

Test(records, of_finalizers_that_have_run_are_given_back)
{
    expect_to_be_given_back(finalize);
}

/* ---- By their objects ---- */

static struct record_index by_object;

static void expect_found(size_t n, size_t step)
{
    for (size_t i = 0; i < n; i++) {
        struct record_state *found = record_index_find(&by_object, 16 * (i + 1));
        cr_assert_eq(found, i % step == 0 ? all[i]->head.state : NULL, "record %zu", i);
    }
}

static void add(size_t i)
{
    if (record_index_is_full(&by_object))
        cr_assert(record_index_fit(&by_object));
    record_index_add(&by_object, all[i]->head.state);
}

Test(records, are_found_by_their_objects)
{
    for (size_t i = 0; i < N; i++) {
        all[i] = take(i);
        store_relaxed(&all[i]->head.state->hidden_object, 16 * (i + 1));
    }
    cr_expect_null(record_index_find(&by_object, 16));
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < N; i++)
            add(i);
        expect_found(N, 1);
        size_t room = by_object.room;
        cr_expect_lt(room, 4 * N);
        record_index_narrow(&by_object);
        cr_expect_eq(by_object.room, room, "what is needed stays");
        for (size_t i = 0; i < N; i++)
            if (i % 100 != 0)
                record_index_remove(&by_object, 16 * (i + 1));
        expect_found(N, 100);
        record_index_narrow(&by_object);
        cr_expect_lt(by_object.room, room / 16);
        expect_found(N, 100);
        for (size_t i = 0; i < N; i += 100)
            record_index_remove(&by_object, 16 * (i + 1));
        record_index_narrow(&by_object);
        cr_expect_leq(by_object.room, 64);
        cr_expect_eq(by_object.used, 0);
    }
}
