/* The weak cache: hapax/cache.h. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 1000 };

/* A value that remembers its key, and whom its death is told to. */
struct value {
    unsigned number;
};

static atomic_uint created, died;

static void *create_value(const void *key, size_t size, void *context, int *error)
{
    (void)context, (void)error;
    struct value *value = hapax_alloc_plain(sizeof *value);
    if (value == NULL || hapax_add_cleanup(value, count_one, &died, NULL) != 0)
        return NULL;
    if (size == sizeof value->number)
        memcpy(&value->number, key, size);
    atomic_fetch_add(&created, 1u);
    return value;
}

static hapax_cache *new_cache(void)
{
    hapax_cache *cache = hapax_cache_new(create_value, NULL);
    cr_assert_not_null(cache);
    return cache;
}

static struct value *get_number(hapax_cache *cache, unsigned number)
{
    int error = -1;
    struct value *value = hapax_cache_get(cache, &number, sizeof number, &error);
    cr_assert_not_null(value);
    cr_assert_eq(error, 0);
    cr_assert_eq(value->number, number);
    return value;
}

/* ---- Life ---- */

Test(cache, gives_the_same_value_while_it_is_held)
{
    hapax_cache *cache = new_cache();
    struct value **held = hapax_alloc(MANY * sizeof *held);
    for (unsigned i = 0; i < MANY; i++)
        held[i] = get_number(cache, i);
    for (unsigned round = 0; round < 3; round++) {
        collect();
        for (unsigned i = 0; i < MANY; i++)
            cr_assert_eq(get_number(cache, i), held[i]);
    }
    cr_assert_eq(created, MANY);
    cr_assert_eq(died, 0u);
    hapax_keep_alive(held);
}

static NOINLINE void get_and_drop(hapax_cache *cache)
{
    for (unsigned i = 0; i < MANY; i++)
        get_number(cache, i);
}

Test(cache, values_die_and_are_made_anew)
{
    hapax_cache *cache = new_cache();
    get_and_drop(cache);
    collect_all();
    cr_assert_geq(died, MOST(MANY));
    get_and_drop(cache);
    cr_assert_geq(created, MANY + MOST(MANY));
    collect_all();
    cr_assert_geq(died, MANY + MOST(MANY));
    hapax_keep_alive(cache);
}

static NOINLINE void get_long_keys(hapax_cache *cache, char *key, size_t size, unsigned round)
{
    for (unsigned i = 0; i < 100; i++) {
        snprintf(key, size, "%u.%u", round, i);
        cr_assert_not_null(hapax_cache_get(cache, key, size, NULL));
    }
}

/* 400 MB of keys in all: where entries stayed, so would they. */
Test(cache, entries_go_with_their_values)
{
    hapax_cache *cache = new_cache();
    size_t size = 100000;
    char *key = calloc(1, size);
    for (unsigned round = 0; round < 40; round++) {
        get_long_keys(cache, key, size, round);
        collect_all();
    }
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_lt(stats.heap_bytes - stats.heap_free_bytes, 100u << 20);
    free(key);
    hapax_keep_alive(cache);
}

static NOINLINE void *inside(hapax_cache *cache, unsigned number)
{
    return (char *)get_number(cache, number) + 1;
}

Test(cache, a_pointer_into_a_value_keeps_it)
{
    hapax_cache *cache = new_cache();
    void **held = hapax_alloc(MANY * sizeof *held);
    for (unsigned i = 0; i < MANY; i++)
        held[i] = inside(cache, i);
    collect_all();
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_eq((char *)get_number(cache, i) + 1, held[i]);
    cr_assert_eq(created, MANY);
    hapax_keep_alive(held);
}

static void *create_odd(const void *key, size_t size, void *context, int *error)
{
    char *value = create_value(key, size, context, error);
    return value != NULL ? value + 3 : NULL;
}

Test(cache, a_value_may_point_into_an_object)
{
    hapax_cache *cache = hapax_cache_new(create_odd, NULL);
    char **held = hapax_alloc(MANY * sizeof *held);
    for (unsigned i = 0; i < MANY; i++)
        held[i] = hapax_cache_get(cache, &i, sizeof i, NULL);
    collect_all();
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_eq(hapax_cache_get(cache, &i, sizeof i, NULL), held[i]);
    cr_assert_eq(died, 0u);
    memset(held, 0, MANY * sizeof *held);
    collect_all();
    cr_assert_geq(died, MOST(MANY));
    hapax_keep_alive(cache);
}

static int in_static_data[2];

static void *create_static(const void *key, size_t size, void *context, int *error)
{
    (void)key, (void)size, (void)error;
    ++*(unsigned *)context;
    return &in_static_data[1];
}

Test(cache, static_values_stay)
{
    unsigned *count = hapax_alloc_plain(sizeof *count);
    hapax_cache *cache = hapax_cache_new(create_static, count);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++)
            cr_assert_eq(hapax_cache_get(cache, &i, sizeof i, NULL), &in_static_data[1]);
        collect_all();
        use_what_is_free();
    }
    cr_assert_eq(*count, MANY);
}

/* ---- The life of the cache ---- */

static NOINLINE void make_caches(atomic_uint *caches, atomic_uint *contexts)
{
    for (unsigned i = 0; i < 100; i++) {
        void *context = hapax_alloc(16);
        hapax_cache *cache = hapax_cache_new(create_value, context);
        cr_assert_eq(hapax_add_cleanup(context, count_one, contexts, NULL), 0);
        cr_assert_eq(hapax_add_cleanup(cache, count_one, caches, NULL), 0);
        for (unsigned j = 0; j < 100; j++)
            get_number(cache, j);
    }
}

Test(cache, is_collected_with_all_it_has)
{
    static atomic_uint caches, contexts;
    make_caches(&caches, &contexts);
    collect_all();
    cr_assert_geq(caches, MOST(100));
    cr_assert_geq(contexts, MOST(100));
    cr_assert_geq(died, MOST(100 * 100));
}

static void *create_from_context(const void *key, size_t size, void *context, int *error)
{
    cr_assert_eq(*(unsigned *)context, 4711u);
    return create_value(key, size, NULL, error);
}

static NOINLINE void make_with_context(hapax_cache **caches, atomic_uint *contexts)
{
    for (unsigned i = 0; i < MANY; i++) {
        unsigned *context = hapax_alloc_plain(sizeof *context);
        *context = 4711;
        cr_assert_eq(hapax_add_cleanup(context, count_one, contexts, NULL), 0);
        caches[i] = hapax_cache_new(create_from_context, context);
    }
}

Test(cache, keeps_its_context)
{
    static atomic_uint contexts;
    hapax_cache **caches = hapax_alloc(MANY * sizeof *caches);
    make_with_context(caches, &contexts);
    collect_all();
    cr_assert_eq(contexts, 0u);
    for (unsigned i = 0; i < MANY; i++)
        get_number(caches[i], i);
}

Test(cache, caches_share_nothing)
{
    hapax_cache *one = new_cache(), *other = new_cache();
    struct value *first = get_number(one, 7);
    cr_assert_neq(first, get_number(other, 7));
    cr_assert_eq(first, get_number(one, 7));
    hapax_keep_alive(first);
}

/* ---- Keys ---- */

Test(cache, keys_are_bytes)
{
    static const struct {
        const char *bytes;
        size_t size;
    } keys[] = {{NULL, 0}, {"", 1}, {"a", 1}, {"a", 2}, {"a\0b", 3}, {"a\0c", 3}, {"\0", 2}, {"\0a", 2}};
    enum { COUNT = sizeof keys / sizeof *keys };
    hapax_cache *cache = new_cache();
    void **held = hapax_alloc(COUNT * sizeof *held);
    for (unsigned i = 0; i < COUNT; i++) {
        held[i] = hapax_cache_get(cache, keys[i].bytes, keys[i].size, NULL);
        cr_assert_not_null(held[i]);
        for (unsigned j = 0; j < i; j++)
            cr_assert_neq(held[i], held[j]);
    }
    char buffer[8];
    for (unsigned i = 0; i < COUNT; i++) {
        if (keys[i].size > 0)
            memcpy(buffer, keys[i].bytes, keys[i].size);
        cr_assert_eq(hapax_cache_get(cache, buffer, keys[i].size, NULL), held[i]);
    }
}

Test(cache, the_key_is_copied)
{
    hapax_cache *cache = new_cache();
    char key[] = "first";
    void *value = hapax_cache_get(cache, key, 5, NULL);
    memcpy(key, "other", 5);
    cr_assert_eq(hapax_cache_get(cache, "first", 5, NULL), value);
    cr_assert_neq(hapax_cache_get(cache, key, 5, NULL), value);
    hapax_keep_alive(value);
}

Test(cache, holds_many)
{
    enum { COUNT = 100000 };
    hapax_cache *cache = hapax_cache_new(create_value, NULL);
    struct value **held = hapax_alloc(COUNT * sizeof *held);
    for (unsigned i = 0; i < COUNT; i++)
        held[i] = get_number(cache, i);
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert_eq(get_number(cache, i), held[i]);
    cr_assert_eq(created, COUNT);
    memset(held, 0, COUNT * sizeof *held);
    collect_all();
    cr_assert_geq(died, MOST(COUNT));
    for (unsigned i = 0; i < COUNT; i++)
        held[i] = get_number(cache, i);
    cr_assert_geq(created, COUNT + MOST(COUNT));
    hapax_keep_alive(held);
}

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
        char path[64], state = 0;
        pid_t thread = race.racing[i];
        if (thread == (pid_t)syscall(SYS_gettid))
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
        FILE *file = thread != 0 ? fopen(path, "r") : NULL;
        if (file == NULL)
            return false;
        bool read = fscanf(file, "%*d (%*[^)]) %c", &state) == 1;
        fclose(file);
        if (!read || state != 'S')
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

/* In the child nobody creates the key any more: whoever asks for it does. */
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
        alarm(30);
        _exit(hapax_cache_get(cache, &(unsigned){5}, sizeof(unsigned), NULL) == NULL);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    finish = true;
    pthread_join(thread, NULL);
    cr_assert_eq(status, 0);
    hapax_keep_alive(cache);
}

/* ---- Resurrection by a foreign finalizer ---- */

static void *brought_back[MANY];
static atomic_uint brought;

static void GC_CALLBACK bring_back(void *object, void *data)
{
    (void)data;
    brought_back[atomic_fetch_add(&brought, 1u)] = object;
}

static void bring_back_for_good(void *object, void *unused)
{
    bring_back(object, unused);
}

static NOINLINE void get_with_finalizers(hapax_cache *cache)
{
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_eq(hapax_set_finalizer(get_number(cache, i), bring_back_for_good, NULL), 0);
}

Test(cache, a_value_that_waits_for_its_finalizer_is_no_value_any_more)
{
    hapax_cache *cache = new_cache();
    get_with_finalizers(cache);
    collect_all();
    cr_assert_geq(brought, MOST(MANY));
    for (unsigned i = 0; i < brought; i++) {
        struct value *value = brought_back[i];
        cr_assert_neq(get_number(cache, value->number), value);
    }
    cr_assert_geq(created, MANY + MOST(MANY));
}

static NOINLINE void get_with_foreign_finalizers(hapax_cache *cache)
{
    for (unsigned i = 0; i < MANY; i++)
        GC_register_finalizer_no_order(get_number(cache, i), bring_back, NULL, NULL, NULL);
}

Test(cache, a_value_that_a_foreign_finalizer_brings_back_is_the_value_still)
{
    hapax_cache *cache = new_cache();
    get_with_foreign_finalizers(cache);
    collect();
    GC_invoke_finalizers();
    cr_assert_geq(brought, MOST(MANY));
    unsigned before = created;
    for (unsigned i = 0; i < brought; i++) {
        struct value *value = brought_back[i];
        cr_assert_eq(get_number(cache, value->number), value);
    }
    cr_assert_eq(created, before);
    memset(brought_back, 0, sizeof brought_back);
    collect_all();
    cr_assert_geq(died, MOST(MANY));
    hapax_keep_alive(cache);
}
