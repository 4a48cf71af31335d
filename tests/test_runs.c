/* SPDX-License-Identifier: MIT */
/* The free objects that threads have at hand, and the kinds that they are of, from inside: src/runtime/runs.h. */
#include "config.h"

#include "dying.h"

#include "runtime/thread.h"
#include "weak/registry.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 20 };

/* ---- What a collection leaves ---- */

static size_t length(const struct runs *runs, unsigned granules)
{
    size_t count = 0;
    for (void *const *object = runs->of_size[granules]; object != NULL; object = *object)
        count++;
    return count;
}

static size_t longest(const struct runs *runs)
{
    size_t most = 0;
    for (unsigned i = 0; i <= RUN_GRANULES; i++)
        most = length(runs, i) > most ? length(runs, i) : most;
    return most;
}

static sem_t ready, go_on;

/* The thread has objects of each size at hand, and waits. */
static void *fill(void *data)
{
    static const struct hapax_type pointers = {.size = 48, .flags = HAPAX_TYPE_HAS_POINTERS};
    char text[500] = "";
    hapax_table *table = hapax_table_new(&pointers, 0);
    for (size_t size = 8; size < sizeof text; size += 16) {
        memset(text, 'a', size);
        cr_assert_not_null(hapax_make_handle(hapax_strings(), text, size));
        cr_assert_not_null(hapax_alloc_plain(size));
    }
    memset(text, 0, sizeof text);
    cr_assert_not_null(hapax_make_handle(table, text, 48));
    *(struct thread **)data = thread_self;
    sem_post(&ready);
    sem_wait(&go_on);
    return NULL;
}

/* However many threads there are: what they hold, and what has to be marked while they are stopped, is little. */
Test(runs, are_short_after_a_collection)
{
    struct thread *selves[THREADS];
    pthread_t threads[THREADS];
    hapax_init();
    sem_init(&ready, 0, 0);
    sem_init(&go_on, 0, 0);
    for (unsigned i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, fill, &selves[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        sem_wait(&ready);
    collect();
    for (unsigned i = 0; i < THREADS; i++) {
        cr_expect_leq(longest(&selves[i]->plain), 2);
        cr_expect_leq(longest(&selves[i]->values), 2);
        cr_expect_leq(longest(&selves[i]->scanned_values), 2);
    }
    for (unsigned i = 0; i < THREADS; i++)
        sem_post(&go_on);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

/* ---- Beside collections ---- */

enum { KEPT = 500, ROUNDS = 60000 };

struct block {
    size_t number;
    size_t words[7];
};

static atomic_uint working;

/* No object is handed out twice: each still holds what was written into it. */
static void *write_and_read(void *data)
{
    size_t damaged = 0, base = (size_t)data * ROUNDS;
    struct block **kept = hapax_alloc(KEPT * sizeof *kept);
    for (size_t i = 0; i < ROUNDS; i++) {
        struct block *block = hapax_alloc_plain(sizeof *block - i % 3 * 16);
        struct block *last = kept[i % KEPT];
        damaged += last != NULL && last->number != base + i - KEPT;
        block->number = base + i;
        kept[i % KEPT] = block;
    }
    atomic_fetch_sub(&working, 1u);
    return (void *)damaged;
}

Test(runs, give_each_object_once_beside_collections)
{
    enum { WRITERS = 4 };
    pthread_t threads[WRITERS];
    hapax_init();
    atomic_store(&working, WRITERS);
    for (size_t i = 0; i < WRITERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, write_and_read, (void *)i), 0);
    while (atomic_load(&working) != 0)
        hapax_collect();
    for (size_t i = 0; i < WRITERS; i++) {
        void *damaged;
        pthread_join(threads[i], &damaged);
        cr_expect_eq((size_t)damaged, 0);
    }
}

static int compare(const void *a, const void *b)
{
    uintptr_t p = *(const uintptr_t *)a, q = *(const uintptr_t *)b;
    return (p > q) - (p < q);
}

/* A thread that was stopped when it had read the first object and its link, and stored neither. */
Test(runs, go_on_where_a_collection_came_between)
{
    enum { N = 2000, SIZE = 64 };
    hapax_init();
    struct runs *runs = &thread_self->plain;
    void **all = hapax_alloc(N * sizeof *all);
    for (unsigned turn = 0; turn < 10; turn++) {
        all[0] = runs_alloc(runs, SIZE);
        void **run = &runs->of_size[SIZE / COLLECTOR_GRANULE];
        void *volatile first = *run, *volatile next = first != NULL ? *(void **)first : NULL;
        hapax_collect();
        *run = next;
        for (unsigned i = 1; i < N; i++)
            all[i] = runs_alloc(runs, SIZE);
        qsort(all, N, sizeof *all, compare);
        for (unsigned i = 1; i < N; i++)
            cr_assert_neq(all[i], all[i - 1], "an object was handed out twice");
        cr_assert_neq(first, NULL);
    }
}

/* ---- Kinds ---- */

static bool copy_nothing(void *to, const void *from, size_t size)
{
    (void)to;
    (void)from;
    (void)size;
    return true;
}

static bool never_equal(const void *a, const void *b, size_t size)
{
    (void)a;
    (void)b;
    (void)size;
    return false;
}

static void expect_values(hapax_table *table, size_t size)
{
    char bytes[2000] = "";
    for (unsigned i = 0; i < 100; i++) {
        bytes[i % size]++;
        hapax_handle handle = hapax_make_handle(table, bytes, size);
        cr_assert_not_null(handle);
        cr_assert(collector_is_value(handle));
    }
}

Test(kinds, values_are_told_from_all_else)
{
    static const struct hapax_type scanned = {.flags = HAPAX_TYPE_HAS_POINTERS, .copy = copy_nothing},
                                   lone = {.equal = never_equal};
    expect_values(hapax_table_new(&scanned, 0), 40);
    expect_values(hapax_table_new(&scanned, 0), 1500);
    expect_values(hapax_table_new(&lone, 0), 8);
    expect_values(hapax_strings(), 10);
    expect_values(hapax_strings(), 2000);
    expect_values(hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES), 100);
    for (size_t size = 1; size < 5000; size += 99) {
        cr_assert_not(collector_is_value(hapax_alloc(size)));
        cr_assert_not(collector_is_value(hapax_alloc_plain(size)));
        cr_assert_not(collector_is_value(GC_MALLOC(size)));
        cr_assert_not(collector_is_value(GC_MALLOC_ATOMIC(size)));
    }
    cr_expect_not(collector_is_value(hapax_weak_make(hapax_intern("x"))));
    cr_expect_not(collector_is_value(hapax_strings()));
    cr_expect_not(collector_is_value(hapax_weak_map_new()));
}

static unsigned asked;

static const char *count_question(void *context, const void *object)
{
    (void)context;
    (void)object;
    asked++;
    return NULL;
}

static uintptr_t doubt(void *owner, void *object)
{
    (void)owner;
    return (uintptr_t)object | 1;
}

static void *settle(void *owner, uintptr_t entry)
{
    (void)owner;
    return (void *)(entry & ~(uintptr_t)1);
}

static void do_nothing(void *object, void *argument)
{
    (void)object;
    (void)argument;
}

/* What a finalizer costs does not grow with the number of tables: none of them is asked whether the object is its. */
Test(kinds, a_finalizer_asks_no_table)
{
    static const struct registry_kind kind = {.doubt = doubt, .settle = settle, .type_of = count_question};
    hapax_init();
    for (unsigned i = 0; i < 100; i++)
        cr_assert_not_null(registry_new(&kind, NULL, NULL, NULL));
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(hapax_set_finalizer(hapax_alloc(16 + i), do_nothing, NULL), 0);
    cr_expect_eq(asked, 0);
    cr_expect_eq(hapax_set_finalizer((void *)(uintptr_t)hapax_intern("a handle"), do_nothing, NULL), -1);
    cr_expect_eq(asked, 0);
}
