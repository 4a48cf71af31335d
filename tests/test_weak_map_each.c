/* SPDX-License-Identifier: MIT */
/* Weak maps: visiting each entry, and giving a key a value unless it has one. */
#include "config.h"

#include "weak_map_objects.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

/* ---- Visiting ---- */

static unsigned times[MANY], strangers;

static bool see(const void *key, void *value, void *context)
{
    const struct object *object = key;
    (void)context;
    if (object->number < MANY && value == object)
        times[object->number]++;
    else
        strangers++;
    return true;
}

static void expect_seen(unsigned each)
{
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(times[i], each, "key %zu was visited %u times", i, times[i]);
    cr_expect_eq(strangers, 0);
}

static NOINLINE void set_strangers(hapax_weak_map *map)
{
    for (size_t i = 0; i < MANY; i++) {
        void *key = new_object(MANY + i);
        set(map, key, key);
    }
}

Test(weak_map_each, visits_each_entry_once)
{
    hapax_weak_map *map = new_map();
    struct object **keys = new_keys(MANY);
    cr_expect(hapax_weak_map_each(map, see, NULL));
    for (size_t i = 0; i < MANY; i++)
        set(map, keys[i], keys[i]);
    cr_expect(hapax_weak_map_each(map, see, NULL));
    expect_seen(1);
    set_strangers(map);
    collect();
    cr_expect(hapax_weak_map_each(map, see, NULL));
    cr_expect_leq(strangers, MANY - MOST(MANY), "%u dead keys were visited", strangers);
    strangers = 0;
    expect_seen(2);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(hapax_weak_map_remove(map, keys[i]));
    cr_expect(hapax_weak_map_each(map, see, NULL));
    strangers = 0;
    expect_seen(2);
    hapax_keep_alive(keys);
}

static bool count_down(const void *key, void *value, void *context)
{
    (void)key;
    (void)value;
    return --*(unsigned *)context > 0;
}

Test(weak_map_each, stops_when_it_is_told)
{
    hapax_weak_map *map = new_map();
    struct object **keys = new_keys(MANY);
    for (size_t i = 0; i < MANY; i++)
        set(map, keys[i], keys[i]);
    unsigned left = 100;
    errno = 77;
    cr_expect_not(hapax_weak_map_each(map, count_down, &left));
    cr_expect_eq(left, 0);
    cr_expect_eq(errno, 77);
    hapax_keep_alive(keys);
}

static bool see_and_change(const void *key, void *value, void *context)
{
    static unsigned visited;
    hapax_weak_map *map = context;
    if (visited++ % 100 == 0) {
        set_strangers(map);
        collect();
    }
    cr_assert_eq(hapax_weak_map_get(map, key), value);
    if (((const struct object *)key)->number >= MANY)
        return visited < 100 * MANY;
    return see(key, value, NULL);
}

Test(weak_map_each, may_change_the_map_and_collect)
{
    hapax_weak_map *map = new_map();
    struct object **keys = new_keys(MANY);
    for (size_t i = 0; i < MANY; i++)
        set(map, keys[i], keys[i]);
    (void)hapax_weak_map_each(map, see_and_change, map);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_leq(times[i], 1);
    hapax_keep_alive(keys);
}

static bool never(const void *key, void *value, void *context)
{
    (void)key;
    (void)value;
    (void)context;
    abort();
}

Test(weak_map_each, refuses_what_is_missing)
{
    errno = 0;
    cr_expect_not(hapax_weak_map_each(NULL, never, NULL));
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_not(hapax_weak_map_each(new_map(), NULL, NULL));
    cr_expect_eq(errno, EINVAL);
}

/* ---- Unless it has one ---- */

Test(weak_map_or_set, what_is_there_wins)
{
    hapax_weak_map *map = new_map();
    struct object **keys = new_keys(MANY);
    for (size_t i = 0; i < MANY; i++) {
        errno = 77;
        cr_assert_eq(hapax_weak_map_get_or_set(map, keys[i], keys[i]), keys[i]);
        cr_assert_eq(hapax_weak_map_get_or_set(map, keys[i], map), keys[i]);
        cr_assert_eq(errno, 77);
    }
    collect();
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(hapax_weak_map_get(map, keys[i]), keys[i]);
        cr_assert(hapax_weak_map_remove(map, keys[i]));
        cr_assert_eq(hapax_weak_map_get_or_set(map, keys[i], map), map);
        set(map, keys[i], keys[i]);
        cr_assert_eq(hapax_weak_map_get_or_set(map, keys[i], map), keys[i]);
    }
    cr_expect_eq(hapax_weak_map_get_or_set(map, &static_keys[3], map), map);
    hapax_keep_alive(keys);
}

Test(weak_map_or_set, refuses_what_is_missing)
{
    int on_stack;
    hapax_weak_map *map = new_map();
    void *key = new_object(1);
    const struct {
        hapax_weak_map *map;
        void *key, *value;
    } wrong[] = {{NULL, key, key}, {map, NULL, key}, {map, key, NULL}, {map, &on_stack, key}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        errno = 0;
        cr_expect_null(hapax_weak_map_get_or_set(wrong[i].map, wrong[i].key, wrong[i].value));
        cr_expect_eq(errno, EINVAL);
    }
    cr_expect_null(hapax_weak_map_get(map, key));
}

enum { RACERS = 4, RACES = 20000 };
static hapax_weak_map *shared;
static struct object **race_keys;
static void *winners[RACERS][RACES / 100];
static atomic_uint started;

static void *race(void *data)
{
    size_t self = (size_t)data;
    for (size_t i = 0; i < RACES; i++) {
        struct object *mine = new_object(self);
        void *won = hapax_weak_map_get_or_set(shared, race_keys[i % (RACES / 100)], mine);
        if (won == NULL)
            abort();
        if (i < RACES / 100)
            winners[self][i] = won;
        if (i == RACES / 100 - 1) {
            atomic_fetch_add(&started, 1u);
            while (atomic_load(&started) < RACERS)
                sched_yield();
        }
    }
    return NULL;
}

Test(weak_map_or_set, all_threads_get_the_same)
{
    pthread_t threads[RACERS];
    shared = new_map();
    race_keys = new_keys(RACES / 100);
    for (size_t i = 0; i < RACERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, race, (void *)i), 0);
    while (atomic_load(&started) < RACERS)
        hapax_collect();
    for (size_t i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < RACES / 100; i++)
        for (size_t racer = 0; racer < RACERS; racer++) {
            cr_assert_eq(winners[racer][i], winners[0][i]);
            cr_assert_eq(winners[racer][i], hapax_weak_map_get(shared, race_keys[i]));
        }
}
