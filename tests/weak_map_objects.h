/* SPDX-License-Identifier: MIT */
/* What the suites of weak maps share: the objects that they put in. */
#ifndef TESTS_WEAK_MAP_OBJECTS_H
#define TESTS_WEAK_MAP_OBJECTS_H

#include "dying.h"

#include <criterion/criterion.h>
#include <stdbool.h>

enum { MANY = 1000 };
#ifdef HAPAX_HARD_TESTS
enum { SCALE = 100 };   /* collections come all the time there, and each goes over everything */
#else
enum { SCALE = 1 };
#endif

struct object {
    struct object *next, *other;
    size_t number;
};

static inline struct object *new_object(size_t number)
{
    struct object *object = hapax_alloc(sizeof *object);
    cr_assert_not_null(object);
    object->number = number;
    return object;
}

static inline hapax_weak_map *new_map(void)
{
    hapax_weak_map *map = hapax_weak_map_new();
    cr_assert_not_null(map);
    return map;
}

static inline void set(hapax_weak_map *map, const void *key, void *value)
{
    cr_assert_eq(hapax_weak_map_set(map, key, value), 0);
}

static atomic_uint died;

/* An object whose death is counted. */
static inline struct object *new_mortal(size_t number)
{
    struct object *object = new_object(number);
    cr_assert_eq(hapax_add_cleanup(object, count_one, &died, NULL), 0);
    return object;
}

static inline struct object **new_keys(size_t count)
{
    struct object **keys = hapax_alloc(count * sizeof *keys);
    cr_assert_not_null(keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = new_object(i);
    return keys;
}

/* ---- Keys ---- */

static char static_keys[MANY];

/* ---- Life and death ---- */

/* Each value refers back to its key, and the next value refers to this one. */
static NOINLINE void set_back_references(hapax_weak_map *map, struct object **keys, size_t count, bool mortal)
{
    for (size_t i = 0; i < count; i++) {
        struct object *value = mortal ? new_mortal(i) : new_object(i);
        value->next = keys[i];
        value->other = new_mortal(i);
        value->other->next = keys[i];
        set(map, keys[i], value);
    }
}

/* Maps that die are many, too. */
enum { MAPS = 100, KEYS = 50 };

static NOINLINE hapax_weak_map *set_in_new_map(struct object **keys)
{
    hapax_weak_map *map = new_map();
    set_back_references(map, keys, KEYS, true);
    return map;
}

/* ---- Beside finalizers ---- */

static hapax_weak_map *watched, *plainly;   /* the second's values are no collected objects */
static atomic_uint finalized, wrong;
static struct object *resurrected[MANY];

static inline void look_up(void *object, void *arg)
{
    (void)arg;
    struct object *key = object, *value = hapax_weak_map_get(watched, key);
    if (value == NULL || value->next != key || value->other->number != key->number)
        atomic_fetch_add(&wrong, 1u);
    if (plainly != NULL && hapax_weak_map_get(plainly, key) != &static_keys[key->number])
        atomic_fetch_add(&wrong, 1u);
    resurrected[key->number] = key;
    atomic_fetch_add(&finalized, 1u);
}

#endif
