/* SPDX-License-Identifier: MIT */
/* Caches: the function that creates what is missing. */
#include "config.h"

#include "cache_objects.h"
#include "thread_state.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Errors ---- */

struct failing {
    int error;
    unsigned calls;
};

static void *fail(const void *key, size_t size, void *context, int *error)
{
    struct failing *failing = context;
    failing->calls++;
    if (failing->error < 0)
        return create_value(key, size, NULL, error);
    *error = failing->error;
    return NULL;
}

Test(cache, failures_reach_the_caller_and_leave_nothing)
{
    struct failing *failing = hapax_alloc_plain(sizeof *failing);
    hapax_cache *cache = hapax_cache_new(fail, failing);
    int error = 0;
    failing->error = ENOENT;
    errno = 0;
    cr_assert_null(hapax_cache_get(cache, "k", 1, &error));
    cr_assert_eq(error, ENOENT);
    cr_assert_eq(errno, ENOENT);
    errno = 0;
    cr_assert_null(hapax_cache_get(cache, "k", 1, NULL));
    cr_assert_eq(errno, ENOENT);
    failing->error = 0;
    cr_assert_null(hapax_cache_get(cache, "k", 1, &error));
    cr_assert_eq(error, EIO);
    cr_assert_eq(errno, EIO);
    cr_assert_eq(failing->calls, 3u);
    failing->error = -1;
    errno = 77;
    void *value = hapax_cache_get(cache, "k", 1, &error);
    cr_assert_not_null(value);
    cr_assert_eq(error, 0);
    cr_assert_eq(errno, 77);
    cr_assert_eq(hapax_cache_get(cache, "k", 1, &error), value);
    cr_assert_eq(failing->calls, 4u);
}

static void *create_foreign(const void *key, size_t size, void *context, int *error)
{
    (void)key, (void)size, (void)error;
    return context;
}

Test(cache, mistakes)
{
    int error = 0;
    errno = 0;
    cr_assert_null(hapax_cache_new(NULL, NULL));
    cr_assert_eq(errno, EINVAL);
    errno = 0;
    cr_assert_null(hapax_cache_get(NULL, "k", 1, &error));
    cr_assert_eq(errno, EINVAL);
    cr_assert_eq(error, EINVAL);
    hapax_cache *cache = new_cache();
    errno = error = 0;
    cr_assert_null(hapax_cache_get(cache, NULL, 1, &error));
    cr_assert_eq(errno, EINVAL);
    cr_assert_eq(error, EINVAL);
    cr_assert_null(hapax_cache_get(cache, NULL, 1, NULL));
    cr_assert_eq(created, 0u);
    cr_assert_not_null(hapax_cache_get(cache, NULL, 0, &error));
    cr_assert_eq(error, 0);
}

Test(cache, values_are_collected_or_static)
{
    void *foreign = malloc(16);
    int on_stack, error = 0;
    hapax_cache *cache = hapax_cache_new(create_foreign, foreign);
    cr_assert_null(hapax_cache_get(cache, "k", 1, &error));
    cr_assert_eq(error, EINVAL);
    cr_assert_null(hapax_cache_get(hapax_cache_new(create_foreign, &on_stack), "k", 1, &error));
    cr_assert_eq(error, EINVAL);
    cr_assert_eq(errno, EINVAL);
    free(foreign);
}

/* ---- What create may do ---- */

static void *create_with_all_below(const void *key, size_t size, void *context, int *error)
{
    unsigned number;
    memcpy(&number, key, sizeof number);
    hapax_cache *cache = *(hapax_cache **)context;
    if (number % 8 == 0)
        hapax_collect();
    if (hapax_intern("made inside create") == NULL)
        return NULL;
    unsigned below = number - 1;
    if (number > 0 && hapax_cache_get(cache, &below, sizeof below, error) == NULL)
        return NULL;
    return create_value(key, size, NULL, error);
}

Test(cache, create_may_ask_for_other_keys_intern_and_collect)
{
    hapax_cache **self = hapax_alloc(sizeof *self);
    *self = hapax_cache_new(create_with_all_below, self);
    struct value *value = get_number(*self, 40);
    cr_assert_eq(created, 41u);
    cr_assert_eq(value->number, 40u);
}

static void *create_with_itself(const void *key, size_t size, void *context, int *error)
{
    hapax_cache *cache = *(hapax_cache **)context;
    void *value = hapax_cache_get(cache, key, size, error);
    cr_assert_null(value);
    cr_assert_eq(*error, EDEADLK);
    cr_assert_eq(errno, EDEADLK);
    *error = E2BIG;
    return NULL;
}

Test(cache, a_creator_that_asks_for_its_own_key, .timeout = 60)
{
    hapax_cache **self = hapax_alloc(sizeof *self);
    *self = hapax_cache_new(create_with_itself, self);
    int error = 0;
    cr_assert_null(hapax_cache_get(*self, "k", 1, &error));
    cr_assert_eq(error, E2BIG);
}

static hapax_cache *roundabout;

/* Each key asks for the next one, the last for the first. */
static void *create_roundabout(const void *key, size_t size, void *context, int *error)
{
    unsigned number, *deadlocks = context;
    memcpy(&number, key, sizeof number);
    unsigned next = (number + 1) % 5;
    if (hapax_cache_get(roundabout, &next, sizeof next, error) == NULL) {
        cr_assert_eq(*error, EDEADLK);
        ++*deadlocks;
        if (number != 4)
            return NULL;
    }
    return create_value(key, size, NULL, error);
}

Test(cache, a_creator_that_asks_for_its_own_key_by_way_of_others, .timeout = 60)
{
    unsigned *deadlocks = hapax_alloc_plain(sizeof *deadlocks);
    roundabout = hapax_cache_new(create_roundabout, deadlocks);
    get_number(roundabout, 0);
    cr_assert_eq(*deadlocks, 1u);
    cr_assert_eq(created, 5u);
}

static void *create_from_another_cache(const void *key, size_t size, void *context, int *error)
{
    return hapax_cache_get(context, key, size, error);
}

/* The same key of another cache is another key. */
Test(cache, a_creator_may_ask_another_cache_for_its_key, .timeout = 60)
{
    hapax_cache *inner = new_cache(), *outer = hapax_cache_new(create_from_another_cache, inner);
    struct value *value = get_number(outer, 7);
    cr_assert_eq(get_number(inner, 7), value);
    cr_assert_eq(created, 1u);
    hapax_keep_alive(value);
}

/* Threads that each create one key and then ask for that of the next thread. */
enum { LARGEST_CIRCLE = 4 };

static struct {
    hapax_cache *cache;
    unsigned size;
    pthread_barrier_t all_create;
    atomic_uint deadlocks;
} circle;

static void *create_in_circle(const void *key, size_t size, void *context, int *error)
{
    (void)context;
    unsigned number;
    memcpy(&number, key, sizeof number);
    pthread_barrier_wait(&circle.all_create);
    unsigned other = (number + 1) % circle.size;
    void *value = hapax_cache_get(circle.cache, &other, sizeof other, error);
    if (value == NULL) {
        cr_assert_eq(*error, EDEADLK);
        atomic_fetch_add(&circle.deadlocks, 1u);
    }
    return create_value(key, size, NULL, error);
}

static void *ask_in_circle(void *number)
{
    get_number(circle.cache, *(unsigned *)number);
    return NULL;
}

static void run_circle(unsigned size)
{
    cr_assert_eq(hapax_init(), 0);
    circle.cache = hapax_cache_new(create_in_circle, NULL);
    circle.size = size;
    pthread_barrier_init(&circle.all_create, NULL, size);
    pthread_t threads[LARGEST_CIRCLE];
    unsigned numbers[LARGEST_CIRCLE];
    for (unsigned i = 0; i < size; i++) {
        numbers[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, ask_in_circle, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < size; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(circle.deadlocks, 1u);
    cr_assert_eq(created, size);
}

Test(cache, a_circle_of_two_creators, .timeout = 60)
{
    run_circle(2);
}

Test(cache, a_circle_of_more_creators, .timeout = 60)
{
    run_circle(LARGEST_CIRCLE);
}

/* ---- Racing callers ---- */

enum { RACERS = 8 };

static struct race {
    hapax_cache *cache;
    pthread_barrier_t start, end;
    _Atomic pid_t racing[RACERS];
    atomic_uint calls, at_once;
    bool fail, over;
    void *values[RACERS];
    int errors[RACERS];
} race;

/* Whether all others have come so far that they sleep. */
static bool others_wait(void)
{
    for (unsigned i = 0; i < RACERS; i++) {
        pid_t thread = race.racing[i];
        if (thread == (pid_t)syscall(SYS_gettid))
            continue;
        if (thread == 0 || thread_state(thread) != 'S')
            return false;
    }
    return true;
}

static void *create_while_others_wait(const void *key, size_t size, void *context, int *error)
{
    (void)context;
    atomic_fetch_add(&race.calls, 1u);
    cr_assert_eq(atomic_fetch_add(&race.at_once, 1u), 0u);
    while (!race.over && !others_wait())
        usleep(1000);
    void *value = NULL;
    if (race.fail)
        *error = ESTALE;
    else
        value = create_value(key, size, NULL, error);
    atomic_fetch_sub(&race.at_once, 1u);
    return value;
}

static void *run_race(void *data)
{
    unsigned me = *(unsigned *)data, key = 1;
    cr_assert_eq(hapax_init(), 0);
    pthread_barrier_wait(&race.start);
    race.racing[me] = (pid_t)syscall(SYS_gettid);
    void *value = hapax_cache_get(race.cache, &key, sizeof key, &race.errors[me]);
    race.values[me] = value;
    pthread_barrier_wait(&race.end);
    hapax_keep_alive(value);
    return NULL;
}

static void race_for_one_key(void)
{
    race.cache = hapax_cache_new(create_while_others_wait, NULL);
    cr_assert_eq(hapax_pin(race.cache), 0);
    pthread_barrier_init(&race.start, NULL, RACERS);
    pthread_barrier_init(&race.end, NULL, RACERS);
    pthread_t threads[RACERS];
    unsigned numbers[RACERS];
    for (unsigned i = 0; i < RACERS; i++) {
        numbers[i] = i;
        cr_assert_eq(pthread_create(&threads[i], NULL, run_race, &numbers[i]), 0);
    }
    for (unsigned i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
}

Test(cache, racing_callers_create_once, .timeout = 60)
{
    race_for_one_key();
    cr_assert_eq(race.calls, 1u);
    for (unsigned i = 0; i < RACERS; i++) {
        cr_assert_not_null(race.values[i]);
        cr_assert_eq(race.values[i], race.values[0]);
        cr_assert_eq(race.errors[i], 0);
    }
}

Test(cache, racing_callers_share_a_failure, .timeout = 60)
{
    race.fail = true;
    race_for_one_key();
    cr_assert_eq(race.calls, 1u);
    for (unsigned i = 0; i < RACERS; i++) {
        cr_assert_null(race.values[i]);
        cr_assert_eq(race.errors[i], ESTALE);
    }
    race.fail = false;
    race.over = true;
    unsigned key = 1;
    cr_assert_not_null(hapax_cache_get(race.cache, &key, sizeof key, NULL));
    cr_assert_eq(race.calls, 2u);
}

/* ---- A fork ---- */

static atomic_bool creating, finish;
static pid_t parent;

static void *create_slowly(const void *key, size_t size, void *context, int *error)
{
    if (getpid() == parent) {
        creating = true;
        while (!finish)
            usleep(1000);
    }
    return create_value(key, size, context, error);
}

static void *get_slowly(void *cache)
{
    get_number(cache, 5);
    return NULL;
}

/* In the child no thread creates the key any more: the next that asks for it does. */
Test(cache, a_creation_of_another_thread_does_not_survive_a_fork, .timeout = 60)
{
    parent = getpid();
    hapax_cache *cache = hapax_cache_new(create_slowly, NULL);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, get_slowly, cache), 0);
    while (!creating)
        usleep(1000);
    pid_t child = fork();
    if (child == 0) {
        alarm(30 * time_scale());
        _exit(hapax_cache_get(cache, &(unsigned){5}, sizeof(unsigned), NULL) == NULL);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    finish = true;
    pthread_join(thread, NULL);
    cr_assert_eq(status, 0);
    hapax_keep_alive(cache);
}
