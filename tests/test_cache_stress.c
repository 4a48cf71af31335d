/* The weak cache under everything at once: racing callers, collections without a pause, keys that die and come back. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

enum { THREADS = 16, KEYS = 5000, CALLS = 100000, CALLS_A_COLLECTION = 500 };

struct value {
    unsigned key;
    unsigned check;
};

static atomic_uint created, died;
static atomic_uint in_create[KEYS];
static atomic_uint running = THREADS;
static hapax_cache *cache;

static void *create(const void *key, size_t size, void *context, int *error)
{
    (void)context, (void)error;
    unsigned number;
    cr_assert_eq(size, sizeof number);
    memcpy(&number, key, sizeof number);
    cr_assert_eq(atomic_fetch_add(&in_create[number], 1u), 0u, "create runs twice at once for a key");
    struct value *value = hapax_alloc_plain(sizeof *value);
    cr_assert_not_null(value);
    *value = (struct value){number, ~number};
    cr_assert_eq(hapax_add_cleanup(value, count_one, &died, NULL), 0);
    atomic_fetch_add(&created, 1u);
    atomic_fetch_sub(&in_create[number], 1u);
    return value;
}

static struct value *get(unsigned key)
{
    struct value *value = hapax_cache_get(cache, &key, sizeof key, NULL);
    cr_assert_not_null(value);
    cr_assert_eq(value->key, key);
    cr_assert_eq(value->check, ~key);
    return value;
}

static NOINLINE void work(unsigned seed)
{
    struct value *held[8] = {NULL};
    for (unsigned i = 0; i < CALLS / THREADS / 2; i++) {
        seed = seed * 1103515245u + 12345u;
        unsigned key = (seed >> 8) % KEYS;
        struct value *value = get(key);
        cr_assert_eq(get(key), value, "two values for one key");
        struct value *older = held[i % 8];
        if (older != NULL)
            cr_assert_eq(get(older->key), older, "another value while one is held");
        held[i % 8] = value;
        /* The thread that does nothing but collect may be starved. */
        if (i % (CALLS_A_COLLECTION / 2) == 0)
            hapax_collect();
    }
    memset(held, 0, sizeof held);
    hapax_keep_alive(held);
}

static void *run(void *number)
{
    work(*(unsigned *)number * 2654435761u + 1u);
    bury();
    atomic_fetch_sub(&running, 1u);
    return NULL;
}

static NOINLINE void race(void)
{
    pthread_t threads[THREADS];
    unsigned numbers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        numbers[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, run, &numbers[i]), 0);
    }
    while (running > 0)
        hapax_collect();
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

Test(cache_stress, racing_callers_under_continuous_collection, .timeout = 120)
{
    cache = hapax_cache_new(create, NULL);
    cr_assert_not_null(cache);
    race();
    collect_all();
    cr_assert_geq(died, MOST(created));
    /* Each was made anew for every key that had died. */
    unsigned before = created;
    for (unsigned key = 0; key < KEYS; key++)
        get(key);
    cr_assert_geq(created - before, MOST(KEYS));
}
