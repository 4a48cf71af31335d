/* SPDX-License-Identifier: MIT */
/* The registries: what is in them, and what collections do. src/weak/registry.h. */
#include "config.h"

#include "registry_books.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* ---- What is in a registry ---- */

Test(registry, gives_each_object_once)
{
    struct registry *registry = new_registry();
    enum { N = 20000 };
    struct bare_object *objects = bare_objects(N);
    for (unsigned i = 0; i < N; i++) {
        put(registry, i % 37, &objects[i]);
        if (i % 5 == 0)
            put(registry, i % 37, NULL);
    }
    expect_the_living(registry, objects, N);
    cr_expect_eq(registry_count(registry), N);
}

static bool count_down(void *object, void *context)
{
    (void)object;
    return --*(uint64_t *)context > 0;
}

Test(registry, visiting_stops_where_it_is_told)
{
    struct registry *registry = new_registry();
    put_many(registry, 3000);
    uint64_t left = 1000;
    cr_expect_not(registry_each(registry, count_down, &left));
    cr_expect_eq(left, 0);
}

/* ---- Collections ---- */

Test(registry, doubts_the_unmarked_and_settles_each)
{
    struct registry *registry = new_registry();
    enum { N = 9999 };
    struct bare_object *objects = put_many(registry, N);
    for (unsigned i = 0; i < N; i++) {
        objects[i].marked = i % 3 == 0;
        objects[i].survives = i % 3 == 1;
    }
    collect();
    cr_expect_eq(books.doubted, N / 3 * 2);
    cr_expect_eq(books.settled, books.doubted);
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(objects[i].evicted, i % 3 == 2);
    expect_the_living(registry, objects, N);
    cr_expect_eq(registry_evicted(registry), N / 3);

    /* What survived is asked for again. */
    for (unsigned i = 0; i < N; i++)
        objects[i].survives = false;
    collect();
    cr_expect_eq(registry_evicted(registry), N / 3 * 2);
    expect_the_living(registry, objects, N);
}

static const void *subject(void *object)
{
    return (const void *)(uintptr_t)((struct bare_object *)object)->value;
}

Test(registry, asks_for_what_an_object_hangs_on)
{
    static const struct registry_kind hanging = {.subject = subject, .doubt = doubt, .settle = settle};
    struct registry *registry = registry_new(&hanging, NULL, &books, NULL);
    struct bare_object *objects = put_many(registry, 99), *subjects = bare_objects(2);
    subjects[1].marked = false;
    for (unsigned i = 0; i < 99; i++) {
        objects[i].marked = false;
        /* On nothing that dies, on the first, on the second. */
        objects[i].value = i % 3 == 0 ? 0 : (uintptr_t)&subjects[i % 3 - 1];
    }
    collect();
    for (unsigned i = 0; i < 99; i++)
        cr_expect_eq(objects[i].evicted, i % 3 == 2);
}

/* Threads go on storing between the two steps of a collection: whatever they store stays. */
static void store_between_the_steps(size_t before, size_t emptied_before, size_t between)
{
    struct registry *registry = new_registry();
    struct bare_object *first = put_many(registry, emptied_before);
    for (size_t i = 0; i < emptied_before; i++)
        first[i].marked = false;
    collect();
    struct bare_object *objects = bare_objects(before + between);
    for (size_t i = 0; i < before; i++) {
        objects[i].marked = false;
        put(registry, 0, &objects[i]);
    }
    registry_decide();
    for (size_t i = before; i < before + between; i++)
        put(registry, 0, &objects[i]);
    registry_reclaim_end();
    for (size_t i = 0; i < before; i++)
        cr_expect(objects[i].evicted);
    expect_the_living(registry, objects, before + between);
    /* And is doubted by the next collection. */
    for (size_t i = 0; i < before + between; i++)
        objects[i].marked = false;
    collect();
    for (size_t i = 0; i < before + between; i++)
        cr_assert(objects[i].evicted, "object %zu of %zu was lost", i, before + between);
}

Test(registry, keeps_what_comes_while_a_collection_runs)
{
    store_between_the_steps(20, 0, 3000);
    store_between_the_steps(3000, 0, 3000);
}

Test(registry, keeps_what_comes_to_used_chunks_while_a_collection_runs)
{
    store_between_the_steps(20, 5000, 3000);
    store_between_the_steps(1, 20000, 20000);
    store_between_the_steps(100, 100, 3000);
}

Test(registry, leaves_reserved_words_alone)
{
    struct registry *registry = new_registry();
    enum { N = 2000 };
    struct bare_object *objects = bare_objects(N);
    static atomic_word *words[N];
    for (unsigned i = 0; i < N; i++)
        words[i] = registry_reserve(registry, 0);
    collect();
    collect();
    expect_the_living(registry, objects, 0);
    for (unsigned i = 0; i < N; i++)
        store_release(words[i], (uintptr_t)&objects[i]);
    collect();
    expect_the_living(registry, objects, N);
}

/* ---- Counting ---- */

static void expect_estimate(struct registry *registry, uint64_t count)
{
    uint64_t estimate = registry_estimate(registry);
    cr_expect(estimate + 64 >= count && estimate <= count + 64, "%llu estimated for %llu",
              (unsigned long long)estimate, (unsigned long long)count);
}

Test(registry, estimates_well_after_many_turnovers)
{
    struct registry *registry = new_registry();
    enum { N = 5000 };
    for (unsigned round = 0; round < 40; round++) {
        struct bare_object *objects = put_many(registry, N);
        expect_estimate(registry, N);
        for (unsigned i = 0; i < N; i++)
            objects[i].marked = false;
        collect();
    }
    expect_estimate(registry, 0);
}

Test(registry, does_not_count_words_that_were_not_needed)
{
    struct registry *registry = new_registry();
    for (unsigned i = 0; i < 50000; i++)
        put(registry, 0, NULL);
    expect_estimate(registry, 0);
    put_many(registry, 5000);
    expect_estimate(registry, 5000);
    cr_expect_eq(registry_evicted(registry), 0);
}

/* ---- Iterating beside collections ---- */

struct visits {
    struct registry *registry;
    struct seen seen;
    unsigned count;
};

static bool see_and_collect(void *object, void *context)
{
    struct visits *visits = context;
    if (visits->count++ % 500 == 0) {
        /* Kill all but each 60th of the rest, so that a collection would want to pour chunks together. */
        struct bare_object *objects = (struct bare_object *)(uintptr_t)visits->seen.objects;
        for (size_t i = 0; i < visits->seen.n; i++)
            objects[i].marked = i % 60 == 0 || &objects[i] == object;
        collect();
        put_many(visits->registry, 300);
    }
    return see(object, &visits->seen);
}

Test(registry, visits_the_living_once_whatever_is_collected_meanwhile)
{
    enum { N = 30000 };
    struct registry *registry = new_registry();
    struct bare_object *objects = put_many(registry, N);
    struct visits visits = {registry, {objects, N, calloc(N, 1), 0}, 0};
    cr_expect(registry_each(registry, see_and_collect, &visits));
    for (unsigned i = 0; i < N; i++)
        if (i % 60 == 0)
            cr_assert_eq(visits.seen.times[i], 1, "object %u was visited %d times", i, visits.seen.times[i]);
        else
            cr_assert_leq(visits.seen.times[i], 1);
    free(visits.seen.times);
    /* Afterwards chunks are poured together again. */
    uint64_t before = registry_bytes(registry);
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = i % 600 == 0;
    collect();
    cr_expect_lt(registry_bytes(registry), before);
}

Test(registry, waits_for_what_is_doubted)
{
    enum { N = 1000 };
    struct registry *registry = new_registry();
    struct bare_object *objects = put_many(registry, N);
    for (unsigned i = 0; i < N; i++) {
        objects[i].marked = i % 4 != 0;
        objects[i].survives = i % 8 == 0;
    }
    registry_decide();
    bare_wait = reclaim;
    expect_the_living(registry, objects, N);
    cr_expect_eq(bare_waits, 1);
    cr_expect_eq(evicted, N / 8);
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(objects[i].evicted, i % 8 == 4);
}
