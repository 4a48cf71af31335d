/* SPDX-License-Identifier: MIT */
/* Weak maps in several threads and processes. */
#include "config.h"

#include "weak_map_objects.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Threads and processes ---- */

struct shared {
    hapax_weak_map *map;
    struct object **keys;
    atomic_bool stop;
};

/* A value that says whose it is. */
static void check_value(const struct object *value, const struct object *key)
{
    if (value != NULL && (value->next != key || value->other->next != key))
        atomic_fetch_add(&wrong, 1u);
}

static struct object *new_value(struct object *key)
{
    struct object *value = new_object(key->number);
    value->next = key;
    value->other = new_object(key->number);
    value->other->next = key;
    return value;
}

static void *read_values(void *data)
{
    struct shared *shared = data;
    cr_assert_eq(hapax_init(), 0);
    for (size_t i = 0; !atomic_load(&shared->stop); i++) {
        struct object *key = shared->keys[i * 7919 % MANY];
        check_value(hapax_weak_map_get(shared->map, key), key);
    }
    return NULL;
}

static void *write_values(void *data)
{
    struct shared *shared = data;
    cr_assert_eq(hapax_init(), 0);
    for (size_t i = 0; i < 100000 / SCALE; i++) {
        struct object *key = shared->keys[i * 104729 % MANY];
        switch (i % 8) {
        case 0:
            hapax_weak_map_remove(shared->map, key);
            break;
        case 1: {
            /* A key that is dropped at once. */
            struct object *fresh = new_object(i);
            set(shared->map, fresh, new_value(fresh));
            check_value(hapax_weak_map_get(shared->map, fresh), fresh);
            break;
        }
        default:
            set(shared->map, key, new_value(key));
        }
        if (i % (5000 / SCALE) == 0)
            hapax_collect();
    }
    return NULL;
}

static void work_beside_each_other(void)
{
    enum { READERS = 2, WRITERS = 2 };
    struct shared *shared = hapax_alloc(sizeof *shared);
    shared->map = new_map();
    shared->keys = new_keys(MANY);
    pthread_t readers[READERS], writers[WRITERS];
    for (unsigned i = 0; i < READERS; i++)
        cr_assert_eq(pthread_create(&readers[i], NULL, read_values, shared), 0);
    for (unsigned i = 0; i < WRITERS; i++)
        cr_assert_eq(pthread_create(&writers[i], NULL, write_values, shared), 0);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writers[i], NULL);
    atomic_store(&shared->stop, true);
    for (unsigned i = 0; i < READERS; i++)
        pthread_join(readers[i], NULL);
    cr_assert_eq(wrong, 0u);
    for (size_t i = 0; i < MANY; i++)
        check_value(hapax_weak_map_get(shared->map, shared->keys[i]), shared->keys[i]);
    cr_assert_eq(wrong, 0u);
}

/* ---- Readers beside a writer that stands still, wherever it is ---- */

static atomic_bool stand_still, stands_still, writing;

static void halt(int number)
{
    (void)number;
    stands_still = true;
    while (stand_still)
        sched_yield();
    stands_still = false;
}

static void *write_until_told(void *data)
{
    struct shared *shared = data;
    cr_assert_eq(hapax_init(), 0);
    writing = true;
    for (size_t i = 0; !atomic_load(&shared->stop); i++) {
        struct object *key = shared->keys[i % MANY];
        if (i % 3 == 0)
            hapax_weak_map_remove(shared->map, key);
        set(shared->map, key, key->other);
    }
    return NULL;
}

Test(weak_map, readers_wait_for_no_writer, .timeout = 30)
{
    struct shared *shared = hapax_alloc(sizeof *shared);
    shared->map = new_map();
    shared->keys = new_keys(MANY);
    for (size_t i = 0; i < MANY; i++) {
        struct object *key = shared->keys[i];
        key->other = new_value(key);
        set(shared->map, key, key->other);
    }
    /* A thread that collects would hold up all others. */
    GC_disable();
    signal(SIGUSR1, halt);
    pthread_t writer;
    cr_assert_eq(pthread_create(&writer, NULL, write_until_told, shared), 0);
    while (!writing)
        sched_yield();
    for (unsigned round = 0; round < 200; round++) {
        stand_still = true;
        pthread_kill(writer, SIGUSR1);
        while (!stands_still)
            sched_yield();
        unsigned missing = 0;
        for (size_t i = 0; i < MANY; i++) {
            struct object *value = hapax_weak_map_get(shared->map, shared->keys[i]);
            check_value(value, shared->keys[i]);
            missing += value == NULL;
        }
        cr_assert_leq(missing, 1u);
        stand_still = false;
        while (stands_still)
            sched_yield();
    }
    atomic_store(&shared->stop, true);
    pthread_join(writer, NULL);
    cr_assert_eq(wrong, 0u);
    GC_enable();
}

Test(weak_map, readers_and_writers_beside_collections)
{
    work_beside_each_other();
}

Test(weak_map, readers_and_writers_beside_incremental_collections)
{
    cr_assert_eq(hapax_init(), 0);
    GC_enable_incremental();
    work_beside_each_other();
}

static void *race_to_set(void *data)
{
    struct shared *shared = data;
    cr_assert_eq(hapax_init(), 0);
    for (size_t i = 0; i < MANY; i++)
        set(shared->map, shared->keys[i], new_value(shared->keys[i]));
    return NULL;
}

Test(weak_map, racing_setters_agree)
{
    for (unsigned round = 0; round < 20; round++) {
        struct shared *shared = hapax_alloc(sizeof *shared);
        shared->map = new_map();
        shared->keys = new_keys(MANY);
        pthread_t one, two;
        cr_assert_eq(pthread_create(&one, NULL, race_to_set, shared), 0);
        cr_assert_eq(pthread_create(&two, NULL, race_to_set, shared), 0);
        pthread_join(one, NULL);
        pthread_join(two, NULL);
        for (size_t i = 0; i < MANY; i++) {
            struct object *value = hapax_weak_map_get(shared->map, shared->keys[i]);
            cr_assert_not_null(value);
            check_value(value, shared->keys[i]);
            cr_assert_eq(hapax_weak_map_get(shared->map, shared->keys[i]), value);
            cr_assert(hapax_weak_map_remove(shared->map, shared->keys[i]));
            cr_assert_null(hapax_weak_map_get(shared->map, shared->keys[i]));
        }
    }
    cr_assert_eq(wrong, 0u);
}

Test(weak_map, lives_on_in_both_processes_after_a_fork)
{
    hapax_weak_map *map = new_map();
    struct object **keys = new_keys(MANY);
    set_back_references(map, keys, MANY, true);
    pid_t child = fork();
    if (child != 0) {
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    for (size_t i = 0; i < MANY; i++) {
        check_value(hapax_weak_map_get(map, keys[i]), keys[i]);
        if (i % 2 == 0)
            keys[i] = NULL;
    }
    collect_all();
    if (child == 0)
        _exit(wrong == 0 && died >= MOST(MANY) && died <= MANY ? 0 : 1);
    cr_assert_eq(wrong, 0u);
    cr_assert_geq(died, MOST(MANY));
    cr_assert_leq(died, MANY);
    hapax_keep_alive(map);
    hapax_keep_alive(keys);
}
