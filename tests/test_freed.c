/* SPDX-License-Identifier: MIT */
/* Objects that the program frees by hand, with the collector's own functions, after the library has come to know
 * them. */
#include "config.h"

#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a large object nothing is left, not even what the collector knows of its pages. A small one looks as before to
 * everybody but the collector, until it is somebody else's: nothing can be said of it but that all goes on. */
enum { N = 200, ENOUGH = N * 9 / 10, LARGE = 100000, SMALL = 64 };

static size_t size;
static void *objects[N];
static hapax_weak weak[N];
static atomic_uint ran;

static void must(bool well)
{
    if (!well)
        abort();
}

static void count(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ran, 1);
}

static void look_at(void *object, void *unused)
{
    (void)unused;
    /* Whole: the memory of what was freed and given back would not be there. */
    memset(object, 1, size);
    atomic_fetch_add(&ran, 1);
}

static void make_object(size_t i)
{
    objects[i] = GC_MALLOC(size);
}

static void free_object(size_t i)
{
    GC_FREE(objects[i]);
    objects[i] = NULL;
}

static void grow_object(size_t i)
{
    objects[i] = GC_REALLOC(objects[i], 2 * size);
}

/* What the library gets to know of each object; and what has to be after the objects were freed. */
struct use {
    void (*of_each)(size_t i);
    int (*afterwards)(void);
};

static int run_use(const struct use *use, void (*end)(size_t))
{
    must(hapax_init() == 0);
    make_each(N, make_object);
    make_each(N, use->of_each);
    make_each(N, end);
    for (int round = 0; round < 5; round++) {
        collect();
        CHECK(hapax_wait_cleanups(FOR_EVER));
    }
    return size == LARGE ? use->afterwards() : 0;
}

static int free_them(void *use)
{
    return run_use(use, free_object);
}

static int let_them_grow(void *use)
{
    return run_use(use, grow_object);
}

static void in_every_way(struct use use)
{
    for (int debugging = 0; debugging < 2; debugging++) {
        if (debugging)
            setenv("HAPAX_DEBUG", "cleanups", 1);
        size = LARGE;
        cr_expect_eq(in_child(free_them, &use), 0, "large ones, %d", debugging);
        cr_expect_eq(in_child(let_them_grow, &use), 0, "moved, %d", debugging);
        size = SMALL;
        cr_expect_eq(in_child(free_them, &use), 0, "small ones, %d", debugging);
    }
}

TestSuite(freed, .timeout = 120);

/* ---- Weak pointers ---- */

static void make_weak(size_t i)
{
    weak[i] = hapax_weak_make(objects[i]);
}

static int weak_pointers_are_null(void)
{
    CHECK(count_dead(weak, N) >= ENOUGH);
    return 0;
}

Test(freed, weak_pointers)
{
    in_every_way((struct use){make_weak, weak_pointers_are_null});
}

/* ---- Cleanups and workers ---- */

static void add_cleanup(size_t i)
{
    must(hapax_add_cleanup(objects[i], count, NULL, NULL) == 0);
}

static int most_have_run(void)
{
    CHECK(ENOUGH <= atomic_load(&ran) && atomic_load(&ran) <= N);
    return 0;
}

Test(freed, cleanups)
{
    in_every_way((struct use){add_cleanup, most_have_run});
}

static hapax_worker *workers[N];

static void start_worker(size_t i)
{
    if (i % 20 == 0)
        must((workers[i] = hapax_worker_start(objects[i], count, NULL, 1)) != NULL);
}

static int nobody_works(void)
{
    /* A tick may still run when its owner has been found dead. */
    for (size_t i = 0; i < N; i++)
        hapax_worker_stop(workers[i]);
    unsigned before = atomic_load(&ran);
    usleep(20000);
    CHECK(atomic_load(&ran) == before);
    return 0;
}

Test(freed, owners_of_workers)
{
    if (address_space_is_limited())
        cr_skip_test("no room for many threads");
    in_every_way((struct use){start_worker, nobody_works});
}

/* ---- Finalizers ---- */

static void set_finalizer(size_t i)
{
    must(hapax_set_finalizer(objects[i], look_at, NULL) == 0);
}

static int none_has_run(void)
{
    CHECK(atomic_load(&ran) == 0);
    struct hapax_stats stats;
    hapax_stats(&stats);
    CHECK(stats.finalizers_run == 0);
    /* And few are in the way of what comes to lie there. */
    make_each(N, make_object);
    size_t set = 0;
    for (size_t i = 0; i < N; i++)
        set += hapax_set_finalizer(objects[i], look_at, NULL) == 0;
    CHECK(set >= ENOUGH);
    return 0;
}

Test(freed, finalizers)
{
    in_every_way((struct use){set_finalizer, none_has_run});
}

/* ---- Weak maps and caches ---- */

static hapax_weak_map *map, *second;

/* The second map hangs on the key in the first: its entries wait for keys that are not there. */
static void make_keys(size_t i)
{
    if (map == NULL) {
        map = hapax_weak_map_new();
        second = hapax_weak_map_new();
    }
    void *value = hapax_alloc(32);
    weak[i] = hapax_weak_make(value);
    must(hapax_weak_map_set(map, objects[i], value) == 0 && hapax_weak_map_set(second, objects[i], map) == 0);
}

static int values_are_gone(void)
{
    CHECK(count_dead(weak, N) >= ENOUGH);
    make_each(N, make_object);
    for (size_t i = 0; i < N; i++)
        CHECK(hapax_weak_map_get(map, objects[i]) == NULL && hapax_weak_map_set(map, objects[i], objects[i]) == 0);
    for (size_t i = 0; i < N; i++)
        CHECK(hapax_weak_map_get(map, objects[i]) == objects[i]);
    return 0;
}

Test(freed, keys_of_weak_maps)
{
    in_every_way((struct use){make_keys, values_are_gone});
}

static hapax_cache *cache;
static size_t created;

static void *give_object(const void *key, size_t key_size, void *context, int *error)
{
    (void)key_size, (void)context, (void)error;
    size_t i;
    memcpy(&i, key, sizeof i);
    created++;
    return objects[i];
}

static void cache_object(size_t i)
{
    if (cache == NULL)
        cache = hapax_cache_new(give_object, NULL);
    must(hapax_cache_get(cache, &i, sizeof i, NULL) == objects[i]);
}

static int most_are_created_anew(void)
{
    make_each(N, make_object);
    created = 0;
    for (size_t i = 0; i < N; i++)
        CHECK(hapax_cache_get(cache, &i, sizeof i, NULL) != NULL);
    CHECK(created >= ENOUGH);
    return 0;
}

Test(freed, values_of_caches)
{
    in_every_way((struct use){cache_object, most_are_created_anew});
}
