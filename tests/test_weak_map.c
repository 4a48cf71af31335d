/* SPDX-License-Identifier: MIT */
/* Weak maps, hapax/weak_map.h: setting, getting, removing; what is a key. */
#include "config.h"

#include "weak_map_objects.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- Setting, getting, removing ---- */

Test(weak_map, gives_what_was_set)
{
    enum { COUNT = 50000 / SCALE };
    hapax_weak_map *map = new_map(), *other = new_map();
    struct object **keys = new_keys(COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_null(hapax_weak_map_get(map, keys[i]));
        set(map, keys[i], keys[(i + 1) % COUNT]);
    }
    collect();
    for (size_t i = 0; i < COUNT; i++) {
        cr_assert_eq(hapax_weak_map_get(map, keys[i]), keys[(i + 1) % COUNT]);
        cr_assert_null(hapax_weak_map_get(other, keys[i]));
        set(map, keys[i], keys[(i + 2) % COUNT]);
        cr_assert_eq(hapax_weak_map_get(map, keys[i]), keys[(i + 2) % COUNT]);
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        cr_assert(hapax_weak_map_remove(map, keys[i]));
        cr_assert_not(hapax_weak_map_remove(map, keys[i]));
        cr_assert_not(hapax_weak_map_remove(other, keys[i]));
    }
    collect();
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_eq(hapax_weak_map_get(map, keys[i]), i % 2 == 0 ? NULL : keys[(i + 2) % COUNT]);
    for (size_t i = 0; i < COUNT; i++)
        set(map, keys[i], keys[i]);
    collect();
    for (size_t i = 0; i < COUNT; i++)
        cr_assert_eq(hapax_weak_map_get(map, keys[i]), keys[i]);
    hapax_keep_alive(other);
    hapax_keep_alive(map);
    hapax_keep_alive(keys);
}

static void assert_set_refused(hapax_weak_map *map, const void *key, void *value)
{
    errno = 0;
    cr_assert_eq(hapax_weak_map_set(map, key, value), -1);
    cr_assert_eq(errno, EINVAL);
}

Test(weak_map, refuses_mistakes)
{
    hapax_weak_map *map = new_map();
    struct object *key = new_object(0);
    char on_stack[32], *allocated = malloc(32);
    assert_set_refused(NULL, key, key);
    assert_set_refused(map, NULL, key);
    assert_set_refused(map, key, NULL);
    assert_set_refused(map, on_stack, key);
    assert_set_refused(map, allocated, key);
    free(allocated);
    cr_assert_null(hapax_weak_map_get(map, key));
    errno = 0;
    cr_assert_null(hapax_weak_map_get(NULL, key));
    cr_assert_eq(errno, EINVAL);
    errno = 0;
    cr_assert_null(hapax_weak_map_get(map, NULL));
    cr_assert_eq(errno, EINVAL);
    errno = 0;
    cr_assert_not(hapax_weak_map_remove(NULL, key));
    cr_assert_eq(errno, EINVAL);
    errno = 0;
    cr_assert_not(hapax_weak_map_remove(map, NULL));
    cr_assert_eq(errno, EINVAL);
    /* What is not there is no mistake. */
    errno = 17;
    cr_assert_null(hapax_weak_map_get(map, key));
    cr_assert_not(hapax_weak_map_remove(map, key));
    set(map, key, key);
    cr_assert_eq(hapax_weak_map_get(map, key), key);
    cr_assert_eq(errno, 17);
}

Test(weak_map, values_may_be_anything)
{
    static int static_value;
    hapax_weak_map *map = new_map();
    struct object *key = new_object(0), *value = new_object(0);
    set(map, key, &static_value);
    cr_assert_eq(hapax_weak_map_get(map, key), &static_value);
    set(map, key, &value->number);
    collect();
    cr_assert_eq(hapax_weak_map_get(map, key), &value->number);
    set(map, key, (void *)(uintptr_t)12345);
    collect();
    cr_assert_eq(hapax_weak_map_get(map, key), (void *)(uintptr_t)12345);
}

/* ---- Keys ---- */

static NOINLINE void set_static_keys(hapax_weak_map *map)
{
    for (size_t i = 0; i < MANY; i++)
        set(map, &static_keys[i], new_mortal(i));
}

Test(weak_map, a_static_key_never_dies)
{
    hapax_weak_map *map = new_map();
    set_static_keys(map);
    collect_all();
    use_what_is_free();
    cr_assert_eq(died, 0u);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(((struct object *)hapax_weak_map_get(map, &static_keys[i]))->number, i);
    hapax_keep_alive(map);
}

/* Side by side, and far apart. */
static const size_t offsets[] = {0, 1, 2, 3, 7, 8, 16, 33, 100, 250};
enum { OFFSETS = sizeof offsets / sizeof *offsets };

static NOINLINE void set_offsets(hapax_weak_map *map, char **objects)
{
    for (size_t i = 0; i < MANY; i++) {
        objects[i] = hapax_alloc_plain(offsets[OFFSETS - 1] + 1);
        for (size_t j = 0; j < OFFSETS; j++)
            set(map, objects[i] + offsets[j], new_mortal(j));
    }
}

Test(weak_map, an_interior_pointer_is_a_key_of_its_own_that_lives_with_its_object)
{
    hapax_weak_map *map = new_map();
    char **objects = hapax_alloc(MANY * sizeof *objects);
    set_offsets(map, objects);
    collect_all();
    cr_assert_eq(died, 0u);
    for (size_t i = 0; i < MANY; i++)
        for (size_t j = 0; j < OFFSETS; j++)
            cr_assert_eq(((struct object *)hapax_weak_map_get(map, objects[i] + offsets[j]))->number, j);
    memset(objects, 0, MANY * sizeof *objects);
    collect_all();
    cr_assert_geq(died, MOST(MANY * OFFSETS));
    hapax_keep_alive(map);
    hapax_keep_alive(objects);
}

static void intern_number(size_t number, hapax_handle *handle)
{
    char text[32];
    int length = snprintf(text, sizeof text, "key %zu", number);
    *handle = hapax_make_handle(hapax_strings(), text, (size_t)length);
}

static NOINLINE void set_handles(hapax_weak_map *map, hapax_handle *handles)
{
    for (size_t i = 0; i < MANY; i++) {
        intern_number(i, &handles[i]);
        set(map, handles[i], new_mortal(i));
    }
}

Test(weak_map, handles_are_keys)
{
    hapax_weak_map *map = new_map();
    hapax_handle *handles = hapax_alloc(MANY * sizeof *handles);
    set_handles(map, handles);
    collect_all();
    cr_assert_eq(died, 0u);
    for (size_t i = 0; i < MANY; i++) {
        hapax_handle again;
        intern_number(i, &again);
        cr_assert_eq(((struct object *)hapax_weak_map_get(map, again))->number, i);
    }
    memset(handles, 0, MANY * sizeof *handles);
    collect_all();
    cr_assert_geq(died, MOST(MANY));
    hapax_keep_alive(map);
    hapax_keep_alive(handles);
}

/* Addresses come back; values do not, not even those that live on. */
Test(weak_map, a_new_object_has_no_value_of_one_that_was_there_before)
{
    static int static_value;
    hapax_weak_map *map = new_map();
    struct object *lives_on = new_object(0);
    for (unsigned round = 0; round < 30; round++) {
        for (size_t i = 0; i < MANY; i++) {
            struct object *key = new_object(i);
            void *const values[] = {key, lives_on, &static_value, (void *)(uintptr_t)12345};
            cr_assert_null(hapax_weak_map_get(map, key));
            set(map, key, values[i % 4]);
            if (i % 3 == 0)
                hapax_weak_map_remove(map, key);
        }
        collect();
    }
    hapax_keep_alive(lives_on);
    hapax_keep_alive(map);
}
