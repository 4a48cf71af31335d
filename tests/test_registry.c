/* Registries, under a collector that the tests play themselves: src/weak/registry.h. */
#include "config.h"

#include "bare_collector.h"
#include "base/pages.h"
#include "weak/registry.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* ---- A kind of owner that keeps books ---- */

struct books {
    uint64_t doubted, settled, destroyed, cares;
};
static struct books books;

static uintptr_t doubt(void *context, void *object)
{
    ((struct books *)context)->doubted++;
    return (uintptr_t)object | 1;
}

static void *settle(void *context, uintptr_t entry)
{
    struct bare_object *object = (struct bare_object *)(entry & ~(uintptr_t)1);
    ((struct books *)context)->settled++;
    if (object->survives)
        return object;
    object->evicted = true;
    return NULL;
}

static void destroy(void *outside)
{
    books.destroyed += *(uint64_t *)outside;
}

static void care(void *context)
{
    ((struct books *)context)->cares++;
}

static const struct registry_kind kind = {.doubt = doubt, .settle = settle, .destroy = destroy, .care = care};

static struct registry *new_registry(void)
{
    struct registry *registry = registry_new(&kind, NULL, &books, NULL);
    cr_assert_not_null(registry);
    return registry;
}

static void put(struct registry *registry, unsigned lane, void *object)
{
    atomic_word *word = registry_reserve(registry, lane);
    cr_assert_not_null(word);
    if (object == NULL) {
        registry_cancel(registry, word);
        return;
    }
    store_release(word, (uintptr_t)object);
    registry_filled(registry, word);
}

static struct bare_object *put_many(struct registry *registry, size_t n)
{
    struct bare_object *objects = bare_objects(n);
    for (size_t i = 0; i < n; i++) {
        objects[i].value = i;
        put(registry, 0, &objects[i]);
    }
    return objects;
}

static uint64_t evicted;

static void reclaim(void)
{
    evicted = registry_reclaim_end();
}

static void collect(void)
{
    registry_mark_end();
    reclaim();
}

/* ---- What is in a registry ---- */

struct seen {
    const struct bare_object *objects;
    size_t n;
    unsigned char *times;
    uint64_t strangers;
};

static bool see(void *object, void *context)
{
    struct seen *seen = context;
    size_t i = (size_t)((const struct bare_object *)object - seen->objects);
    if (i < seen->n)
        seen->times[i]++;
    else
        seen->strangers++;
    return true;
}

/* That exactly those that were not evicted are visited, each once. */
static void expect_the_living(struct registry *registry, const struct bare_object *objects, size_t n)
{
    struct seen seen = {objects, n, calloc(n, 1), 0};
    cr_assert(registry_each(registry, see, &seen));
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(seen.times[i], !objects[i].evicted, "object %zu was visited %d times", i, seen.times[i]);
    cr_expect_eq(seen.strangers, 0);
    free(seen.times);
}

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
    registry_mark_end();
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

    /* Chunks that were given back are used again. */
    uint64_t sparse = registry_bytes(registry);
    struct bare_object *more = put_many(registry, N);
    cr_expect_leq(registry_bytes(registry), full + sparse);
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = false;
    collect();
    expect_the_living(registry, more, N);
}

/* The system does not take back what is locked: what a thread has reserved there is no hole all the same. */
Test(registry, uses_locked_memory_again)
{
    struct registry *registry = new_registry();
    enum { N = 5000 };
    struct bare_object *objects = bare_objects(N);
    atomic_word *first = registry_reserve(registry, 0), *pending;
    void *page = (void *)((uintptr_t)first & -(uintptr_t)PAGE_BYTES);
    if (mlock(page, PAGE_BYTES) != 0)
        cr_skip_test("no memory can be locked");
    store_release(first, (uintptr_t)&objects[0]);
    unsigned used = 1;
    for (; used < N / 5; used++)
        put(registry, 0, &objects[used]);
    for (unsigned i = 0; i < used; i++)
        objects[i].marked = false;
    collect();

    /* A thread takes the first word of that page again, and stores only when a collection has poured chunks together. */
    while (pending = registry_reserve(registry, 0), ((uintptr_t)pending & -(uintptr_t)PAGE_BYTES) != (uintptr_t)page)
        store_release(pending, (uintptr_t)&objects[used++]);
    struct bare_object *late = &objects[used++];
    for (; used < N; used++) {
        objects[used].marked = used % 50 == 0;
        put(registry, 0, &objects[used]);
    }
    collect();
    store_release(pending, (uintptr_t)late);
    expect_the_living(registry, objects, N);
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

static void refuse_memory(void)
{
    struct rlimit none = {0, RLIM_INFINITY};
    cr_assert_eq(getrlimit(RLIMIT_AS, &none), 0);
    none.rlim_cur = 0;
    cr_assert_eq(setrlimit(RLIMIT_AS, &none), 0);
}

static void allow_memory(void)
{
    struct rlimit all;
    getrlimit(RLIMIT_AS, &all);
    all.rlim_cur = all.rlim_max;
    setrlimit(RLIMIT_AS, &all);
}

#ifdef __SANITIZE_ADDRESS__
#define CAN_LIMIT false
#else
#define CAN_LIMIT true
#endif

Test(registry, says_when_memory_is_short, .disabled = !CAN_LIMIT)
{
    struct registry *registry = new_registry();
    struct bare_object *objects = bare_objects(20000);
    refuse_memory();
    errno = 0;
    size_t stored = 0;
    for (atomic_word *word; stored < 20000 && (word = registry_reserve(registry, 0)) != NULL; stored++)
        store_release(word, (uintptr_t)&objects[stored]);
    int error = errno;
    struct registry *second = registry_new(&kind, NULL, &books, NULL);
    int second_error = errno;
    allow_memory();
    cr_expect_lt(stored, 20000);
    cr_expect_eq(error, ENOMEM);
    cr_expect_null(second);
    cr_expect_eq(second_error, ENOMEM);
    cr_expect_eq(bare_collections, 1, "dead owners may hold what is missing");
    expect_the_living(registry, objects, stored);
    for (size_t i = stored; i < 20000; i++)
        put(registry, 0, &objects[i]);
    expect_the_living(registry, objects, 20000);
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
    registry_mark_end();
    bare_wait = reclaim;
    expect_the_living(registry, objects, N);
    cr_expect_eq(bare_waits, 1);
    cr_expect_eq(evicted, N / 8);
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(objects[i].evicted, i % 8 == 4);
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

    /* Every object is in a block that the collector reaches from the word: a link, then words. */
    unsigned char *times = calloc(N, 1);
    for (void **block = load_acquire(&keep); block != NULL; block = block[0])
        for (unsigned i = 1; i < 509; i++) {
            size_t at = (size_t)((struct bare_object *)block[i] - objects);
            if ((uintptr_t)block[i] > 2 && at < N)
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
