/* SPDX-License-Identifier: MIT */
/* The registries: memory, owners, those that keep, care, threads. src/weak/registry.h. */
#include "config.h"

#include "registry_books.h"

#include "weak/chunks.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* ---- Memory ---- */

Test(registry, takes_no_more_memory_than_the_living_need)
{
    struct registry *registry = new_registry();
    enum { N = 200000 };
    struct bare_object *objects = put_many(registry, N);
    uint64_t full = registry_bytes(registry);
#ifndef HAPAX_HARD_TESTS
    cr_expect_leq(full, N * 9);
#endif
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = i % 50 == 0;
    collect();
#ifndef HAPAX_HARD_TESTS
    cr_expect_lt(registry_bytes(registry), full / 4);
#endif
    expect_the_living(registry, objects, N);
    /* And once more, of those that were moved. */
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = i % 1000 == 0;
    collect();
    expect_the_living(registry, objects, N);
    cr_expect_eq(registry_count(registry), N / 1000);

    /* It grows again as if nothing had been, from what is left. */
    uint64_t sparse = registry_bytes(registry);
    struct bare_object *more = put_many(registry, N);
    cr_expect_leq(registry_bytes(registry), full + sparse + full / 20);
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = false;
    collect();
    expect_the_living(registry, more, N);
}

/* What a thread has reserved is no hole, whatever is poured together meanwhile. */
Test(registry, keeps_reserved_words_where_they_are)
{
    struct registry *registry = new_registry();
    enum { N = 14000, LATE = 450 };
    struct bare_object *objects = bare_objects(N);
    atomic_word *pending[N / LATE];
    unsigned late = 0;
    for (unsigned i = 0; i < N; i++) {
        objects[i].marked = i % 50 == 0 || i % LATE == LATE - 1;
        if (i % LATE == LATE - 1)
            pending[late++] = registry_reserve(registry, i);
        else
            put(registry, i, &objects[i]);
    }
    collect();
    for (unsigned i = 0; i < late; i++)
        store_release(pending[i], (uintptr_t)&objects[LATE * (i + 1) - 1]);
    expect_the_living(registry, objects, N);
    collect();
    expect_the_living(registry, objects, N);
}

/* What few objects take: those of an empty registry, and of one with ten. */
Test(registry, is_as_small_as_what_it_holds)
{
    struct registry *registry = new_registry();
#ifndef HAPAX_HARD_TESTS
    cr_expect_leq(registry_bytes(registry), 256);
    put_many(registry, 10);
    cr_expect_leq(registry_bytes(registry), 256);
#endif
    put_many(registry, 90);
    cr_expect_leq(registry_bytes(registry), 256 + 100 * 24);
    cr_expect_eq(registry_count(registry), registry_estimate(registry), "a small registry knows");
}

/* In how many pages threads of many lanes take words. */
static size_t open_lanes(struct registry *registry)
{
    atomic_word *words[MOST_LANES];
    size_t pages = 0;
    for (unsigned i = 0; i < MOST_LANES; i++) {
        words[i] = registry_reserve(registry, i);
        cr_assert_not_null(words[i]);
        bool is_new = true;
        for (unsigned j = 0; j < i; j++)
            is_new = is_new && (uintptr_t)words[i] / PAGE_BYTES != (uintptr_t)words[j] / PAGE_BYTES;
        pages += is_new;
    }
    for (unsigned i = 0; i < MOST_LANES; i++)
        registry_cancel(registry, words[i]);
    return pages;
}

Test(registry, opens_lanes_as_it_grows)
{
    struct registry *registry = new_registry();
    put_many(registry, LARGE_FROM + 2 * MOST_WORDS);
    cr_expect_eq(open_lanes(registry), LEAST_LANES);
    put_many(registry, MOST_LANES * A_LANE + LARGE_FROM);
    cr_expect_eq(open_lanes(registry), MOST_LANES);
}

Test(pages, gives_back_nothing_but_what_it_is_told_to)
{
    char *start = pages_alloc(3 * PAGE_BYTES);
    cr_assert_not_null(start);
    memset(start, 1, 3 * PAGE_BYTES);
    pages_give_back(start + 100, 2 * PAGE_BYTES);
    for (size_t i = 0; i < 3 * PAGE_BYTES; i++)
        cr_assert_eq(start[i], i < 100 || i >= 100 + 2 * PAGE_BYTES, "byte %zu", i);
    memset(start, 1, 3 * PAGE_BYTES);
    pages_give_back(start, 10);
    for (size_t i = 0; i < 3 * PAGE_BYTES; i++)
        cr_assert_eq(start[i], i >= 10, "byte %zu", i);
}

Test(pages, makes_parts_of_a_page_usable)
{
    char *start = pages_reserve((size_t)4 << 20, (size_t)2 << 20);
    cr_assert_not_null(start);
    cr_assert(pages_commit(start, 100));
    start[99] = 1;
    cr_assert(pages_commit(start + 100, PAGE_BYTES));
    start[99 + PAGE_BYTES] = 1;
    cr_expect_eq(start[99], 1);
}

Test(registry, says_when_memory_is_short)
{
    struct registry *registry = new_registry();
    struct bare_object *objects = bare_objects(20000);
    bare_out_of_memory = true;
    errno = 0;
    size_t stored = 0;
    for (atomic_word *word; stored < 20000 && (word = registry_reserve(registry, 0)) != NULL; stored++)
        store_release(word, (uintptr_t)&objects[stored]);
    int error = errno;
    errno = 0;
    struct registry *second = registry_new(&kind, NULL, &books, NULL);
    int second_error = errno;
    bare_out_of_memory = false;
    cr_expect_lt(stored, 20000);
    cr_expect_eq(error, ENOMEM);
    cr_expect_null(second);
    cr_expect_eq(second_error, ENOMEM);
    expect_the_living(registry, objects, stored);
    for (size_t i = stored; i < 20000; i++)
        put(registry, 0, &objects[i]);
    expect_the_living(registry, objects, 20000);
}

/* ---- Owners ---- */

Test(registry, dies_with_its_owner)
{
    struct bare_object *owners = bare_objects(5);
    struct registry *registries[5];
    for (unsigned i = 0; i < 5; i++) {
        registries[i] = registry_new(&kind, &owners[i], &books, NULL);
        *(uint64_t *)registry_outside(registries[i]) = UINT64_C(1) << (8 * i);
        put_many(registries[i], 10000);
    }
    owners[2].marked = false;
    owners[3].marked = false;
    owners[3].survives = true;      /* brought back */
    collect();
    cr_expect_eq(books.destroyed, UINT64_C(1) << 16);
    owners[3].survives = false;
    owners[4].marked = false;       /* the first of the list, and the second */
    collect();
    cr_expect_eq(books.destroyed, UINT64_C(0x101010000));
    owners[0].marked = false;
    owners[1].marked = false;
    collect();
    cr_expect_eq(books.destroyed, UINT64_C(0x101010101));
    collect();
    cr_expect_eq(books.destroyed, UINT64_C(0x101010101));
    cr_expect_eq(registry_evicted(new_registry()), 0);
}

static unsigned living;

static void count_registry(struct registry *registry, void *owner)
{
    (void)registry;
    (void)owner;
    living++;
}

static void destroy_and_add(void *outside)
{
    destroy(outside);
    (void)new_registry();
}

/* What it takes to drop many owners grows with their number, not with its square, wherever they stand in the list, and
 * while others come to it. */
Test(registry, many_owners_die_at_once)
{
    enum { N = 600 };
    static const struct registry_kind adding = {.doubt = doubt, .settle = settle, .destroy = destroy_and_add};
    struct bare_object *owners = bare_objects(N);
    for (unsigned i = 0; i < N; i++)
        *(uint64_t *)registry_outside(registry_new(i == N - 1 ? &adding : &kind, &owners[i], &books, NULL)) = 1;
    for (unsigned i = 0; i < N / 2; i++)
        owners[i].marked = false;
    collect();
    cr_expect_eq(books.destroyed, N / 2);
    cr_expect_leq(registry_passed, N);
    for (unsigned i = 0; i < N; i++)
        owners[i].marked = i % 3 != 0;
    owners[N - 1].marked = false;   /* the first of the list: another comes before it while it is taken out */
    for (unsigned i = 0; i < N / 2; i++)
        owners[i].marked = true;
    collect();
    cr_expect_eq(books.destroyed, N / 2 + N / 6 + 1);
    cr_expect_leq(registry_passed, 2 * N);
    registry_each_of_kind(&kind, count_registry);
    cr_expect_eq(living, N / 3);
}

/* ---- Registries that keep ---- */

Test(registry, keeps_its_values_through_its_owner)
{
    enum { N = 5000 };
    struct bare_object *owner = bare_objects(1);
    void *_Atomic keep = NULL;
    struct registry *registry = registry_new(&kind, owner, &books, &keep);
    struct bare_object *objects = put_many(registry, N);
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = false;  /* a real collector would have marked them through `keep` */
    collect();
    cr_expect_eq(books.doubted, 0);
    expect_the_living(registry, objects, N);

    /* Every object is in a chunk that the collector reaches from the word. */
    unsigned char *times = calloc(N, 1);
    for (struct chunk *chunk = load_acquire(&keep); chunk != NULL; chunk = load_acquire(&chunk->next))
        for (unsigned i = 0; i < chunk->room; i++) {
            uintptr_t word = load_acquire(&chunk->words[i]);
            size_t at = (size_t)((struct bare_object *)word - objects);
            if (word > 2 && at < N)
                times[at]++;
        }
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(times[i], 1);
    free(times);

    bare_out_of_memory = true;
    errno = 0;
    atomic_word *word;
    while ((word = registry_reserve(registry, 0)) != NULL)
        registry_cancel(registry, word);
    cr_expect_eq(errno, ENOMEM);
}

/* ---- Care ---- */

Test(registry, is_cared_for_after_evictions_only)
{
    struct registry *registry = new_registry();
    struct bare_object *objects = put_many(registry, 10);
    collect();
    cr_expect_not(registry_wants_care());
    registry_care();
    cr_expect_eq(books.cares, 0);
    objects[3].marked = false;
    objects[4].marked = false;
    collect();
    cr_expect(registry_wants_care());
    registry_care();
    cr_expect_eq(books.cares, 1);
    cr_expect_not(registry_wants_care());
    registry_care();
    cr_expect_eq(books.cares, 1);
}

/* ---- Threads ---- */

enum { THREADS = 8, EACH = 20000 };

struct storing {
    struct registry *registry;
    struct bare_object *objects;
    unsigned lane;
};

static void *store(void *data)
{
    struct storing *storing = data;
    for (unsigned i = 0; i < EACH; i++)
        put(storing->registry, storing->lane, &storing->objects[i]);
    return NULL;
}

static void store_in_threads(unsigned lanes)
{
    struct registry *registry = new_registry();
    struct bare_object *objects = bare_objects(THREADS * EACH);
    pthread_t threads[THREADS];
    struct storing storing[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        storing[i] = (struct storing){registry, objects + i * EACH, i % lanes};
        cr_assert_eq(pthread_create(&threads[i], NULL, store, &storing[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    expect_the_living(registry, objects, THREADS * EACH);
    uint64_t estimate = registry_estimate(registry);
    cr_expect(estimate + 32 * THREADS >= THREADS * EACH && estimate <= THREADS * EACH + 32 * THREADS,
              "%llu estimated for %d", (unsigned long long)estimate, THREADS * EACH);
}

Test(registry, threads_store_side_by_side)
{
    store_in_threads(THREADS);
    store_in_threads(1);
    store_in_threads(3);
}
