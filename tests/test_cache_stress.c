/* SPDX-License-Identifier: MIT */
/* The weak cache under everything at once: racing callers, collections without a pause, keys that die and come back. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

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

/* ---- Readers between the end of marking and the settling of the dead ---- */

static GC_on_collection_event_proc ours;

/* The dead are not settled yet, the world runs: readers have time. */
static void GC_CALLBACK dawdle(GC_EventType event)
{
    if (event == GC_EVENT_RECLAIM_START)
        usleep(2000);
    ours(event);
}

/* What is told of a value's death, whatever still has its address. */
struct fate {
    atomic_bool dead;
};

struct fated {
    void *overwritten_when_free;
    struct fate *fate;
};

static void note_death(void *fate)
{
    atomic_store(&((struct fate *)fate)->dead, true);
}

static void *create_fated(const void *key, size_t size, void *context, int *error)
{
    (void)key, (void)size, (void)context, (void)error;
    struct fated *value = hapax_alloc_plain(sizeof *value);
    struct fate *fate = calloc(1, sizeof *fate); /* never freed */
    value->fate = fate;
    cr_assert_eq(hapax_add_cleanup(value, note_death, fate, NULL), 0);
    return value;
}

enum { LONG_KEYS = 4, LONG_KEY = 200000, READERS = 4, COLLECTIONS = 100 };
static char *long_keys[LONG_KEYS];
static atomic_bool reading = true;

/* So long that comparing them is what a reader does most of the time. */
static NOINLINE void get_long(unsigned seed)
{
    struct fated *value = hapax_cache_get(cache, long_keys[(seed >> 8) % LONG_KEYS], LONG_KEY, NULL);
    cr_assert_not_null(value);
    /* Where it was dead, its cleanup is about to run. */
    if (seed % 4 == 0)
        usleep(3000);
    cr_assert_not(value->fate->dead, "a dead value was given");
    hapax_keep_alive(value);
}

static void *read_long(void *number)
{
    for (unsigned seed = *(unsigned *)number; reading; seed = seed * 1103515245u + 12345u) {
        get_long(seed >> 4);
        bury();
    }
    return NULL;
}

Test(cache_stress, no_dead_value_is_given, .timeout = 120)
{
    cache = hapax_cache_new(create_fated, NULL);
    for (unsigned i = 0; i < LONG_KEYS; i++) {
        long_keys[i] = calloc(1, LONG_KEY);
        long_keys[i][LONG_KEY - 1] = (char)i;
    }
    ours = GC_get_on_collection_event();
    GC_set_on_collection_event(dawdle);
    pthread_t threads[READERS];
    unsigned numbers[READERS];
    for (unsigned i = 0; i < READERS; i++) {
        numbers[i] = i * 7919;
        cr_assert_eq(pthread_create(&threads[i], NULL, read_long, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < COLLECTIONS; i++)
        hapax_collect();
    reading = false;
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
}

/* ---- Callers between looking for a value and asking who creates it ---- */

static atomic_bool locks_slowly;

/* The library's calls come here. */
__attribute__((visibility("default"))) int pthread_mutex_lock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);
    if (real == NULL)
        real = (int (*)(pthread_mutex_t *))(uintptr_t)dlsym(RTLD_NEXT, "pthread_mutex_lock");
    if (locks_slowly)
        usleep(((unsigned)(uintptr_t)&mutex >> 4) * 2654435761u >> 24);
    return real(mutex);
}

enum { CALLERS = 4, ROUNDS = 200 };
static pthread_barrier_t together;
static struct value *answers[CALLERS];

static void *call_together(void *number)
{
    unsigned me = *(unsigned *)number;
    for (unsigned round = 0; round < ROUNDS; round++) {
        pthread_barrier_wait(&together);
        usleep(me * 50);
        struct value *value = get(round);
        answers[me] = value;
        pthread_barrier_wait(&together);
        cr_assert_eq(value, answers[0], "two values for one key");
        hapax_keep_alive(value);
    }
    return NULL;
}

Test(cache_stress, who_comes_late_finds_what_was_created, .timeout = 120)
{
    cache = hapax_cache_new(create, NULL);
    pthread_barrier_init(&together, NULL, CALLERS);
    pthread_t threads[CALLERS];
    unsigned numbers[CALLERS];
    for (unsigned i = 0; i < CALLERS; i++) {
        numbers[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, call_together, &numbers[i]), 0);
    }
    locks_slowly = true;
    for (unsigned i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    locks_slowly = false;
    cr_assert_eq(created, ROUNDS);
}

/* ---- Threads that wait, between the moment when they are handed the value and the one when they wake up ---- */

static atomic_bool wakes_slowly, woke;

/* The library's calls come here. */
__attribute__((visibility("default"))) int pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *mutex)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *);
    if (real == NULL) {
        /* Of the two there are, the plain name may find the one for conditions of old. */
        void *found = dlvsym(RTLD_NEXT, "pthread_cond_wait", "GLIBC_2.3.2");
        if (found == NULL)
            found = dlsym(RTLD_NEXT, "pthread_cond_wait");
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *))(uintptr_t)found;
    }
    int result = real(condition, mutex);
    if (wakes_slowly) {
        pthread_mutex_unlock(mutex);
        while (wakes_slowly)
            usleep(100);
        pthread_mutex_lock(mutex);
        woke = true;
    }
    return result;
}

enum { WAITERS = 3, HANDOVERS = 20 };
static atomic_bool leading;
static atomic_uint waiting, dead_given;

static void *create_for_all(const void *key, size_t size, void *context, int *error)
{
    leading = true;
    while (waiting < WAITERS)
        usleep(100);
    /* By now they sleep; one that does not will create a value of its own. */
    usleep(5000);
    return create_fated(key, size, context, error);
}

static NOINLINE void lead(unsigned key)
{
    cr_assert_not_null(hapax_cache_get(cache, &key, sizeof key, NULL));
}

static void *wait_for_value(void *key)
{
    cr_assert_eq(hapax_init(), 0);
    while (!leading)
        usleep(100);
    atomic_fetch_add(&waiting, 1u);
    struct fated *value = hapax_cache_get(cache, key, sizeof(unsigned), NULL);
    cr_assert_not_null(value);
    if (value->fate->dead)
        atomic_fetch_add(&dead_given, 1u);
    hapax_keep_alive(value);
    return NULL;
}

/* A thread that created the value has let go of it, and a collection has come and gone, before they wake up. */
Test(cache_stress, who_waits_keeps_the_value, .timeout = 120)
{
    cache = hapax_cache_new(create_for_all, NULL);
    for (unsigned key = 0; key < HANDOVERS; key++) {
        pthread_t threads[WAITERS];
        leading = false;
        waiting = 0;
        for (unsigned i = 0; i < WAITERS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, wait_for_value, &key), 0);
        wakes_slowly = true;
        lead(key);
        collect_all();
        wakes_slowly = false;
        for (unsigned i = 0; i < WAITERS; i++)
            pthread_join(threads[i], NULL);
    }
    cr_assert(woke);
    cr_assert_eq(dead_given, 0u);
}
