/* Weak maps: hapax/weak_map.h. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

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

static struct object *new_object(size_t number)
{
    struct object *object = hapax_alloc(sizeof *object);
    cr_assert_not_null(object);
    object->number = number;
    return object;
}

static hapax_weak_map *new_map(void)
{
    hapax_weak_map *map = hapax_weak_map_new();
    cr_assert_not_null(map);
    return map;
}

static void set(hapax_weak_map *map, const void *key, void *value)
{
    cr_assert_eq(hapax_weak_map_set(map, key, value), 0);
}

static atomic_uint died;

/* An object whose death is counted. */
static struct object *new_mortal(size_t number)
{
    struct object *object = new_object(number);
    cr_assert_eq(hapax_add_cleanup(object, count_one, &died, NULL), 0);
    return object;
}

static struct object **new_keys(size_t count)
{
    struct object **keys = hapax_alloc(count * sizeof *keys);
    cr_assert_not_null(keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = new_object(i);
    return keys;
}

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

static char static_keys[MANY];

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

/* ---- Life and death ---- */

/* Each value refers back to its key, and the next value refers to this one. */
static NOINLINE void set_back_references(hapax_weak_map *map, struct object **keys, bool mortal)
{
    for (size_t i = 0; i < MANY; i++) {
        struct object *value = mortal ? new_mortal(i) : new_object(i);
        value->next = keys[i];
        value->other = new_mortal(i);
        value->other->next = keys[i];
        set(map, keys[i], value);
    }
}

Test(weak_map, a_value_that_refers_to_its_key_lives_exactly_as_long)
{
    hapax_weak_map *map = new_map();
    struct object **keys = new_keys(MANY);
    set_back_references(map, keys, true);
    collect_all();
    cr_assert_eq(died, 0u);
    for (size_t i = 0; i < MANY; i++) {
        struct object *value = hapax_weak_map_get(map, keys[i]);
        cr_assert_eq(value->next, keys[i]);
        cr_assert_eq(value->other->next, keys[i]);
    }
    for (size_t i = 0; i < MANY; i += 2)
        keys[i] = NULL;
    collect_all();
    cr_assert_geq(died, MOST(MANY));
    cr_assert_leq(died, MANY);
    for (size_t i = 1; i < MANY; i += 2)
        cr_assert_eq(((struct object *)hapax_weak_map_get(map, keys[i]))->next, keys[i]);
    memset(keys, 0, MANY * sizeof *keys);
    collect_all();
    cr_assert_geq(died, 2 * MOST(MANY));
    hapax_keep_alive(map);
    hapax_keep_alive(keys);
}

/* The value of each key is the next key, and nothing else holds it. The collection comes to the entries in the order in
 * which they were made: from the head on, or from the end on. */
enum order { FROM_HEAD, FROM_END };

static NOINLINE struct object *make_chain(hapax_weak_map *map, size_t length, enum order order)
{
    struct object **keys = hapax_alloc(length * sizeof *keys), *first;
    for (size_t i = 0; i < length; i++)
        keys[i] = i % (1000 / SCALE) == 0 ? new_mortal(i) : new_object(i);
    for (size_t i = 0; i < length - 1; i++) {
        size_t at = order == FROM_HEAD ? i : length - 2 - i;
        set(map, keys[at], keys[at + 1]);
    }
    first = keys[0];
    memset(keys, 0, length * sizeof *keys);
    return first;
}

static NOINLINE size_t walk_chain(hapax_weak_map *map, struct object *key)
{
    size_t length = 0;
    for (; key != NULL; key = hapax_weak_map_get(map, key))
        cr_assert_eq(key->number, length++);
    return length;
}

enum { LONG = 1000000 / SCALE };

/* In time that grows as the length does: else none of these would come to an end. */
static void lives_and_dies_with_its_head(enum order order)
{
    hapax_weak_map *map = new_map();
    struct object **heads = hapax_alloc(sizeof *heads);
    heads[0] = make_chain(map, LONG, order);
    collect();
    bury();
    cr_assert_eq(walk_chain(map, heads[0]), (size_t)LONG);
    cr_assert_eq(died, 0u);
    heads[0] = NULL;
    for (unsigned i = 0; i < 3 && died < MOST(LONG * SCALE / 1000); i++)
        collect_all();
    cr_assert_geq(died, MOST(LONG * SCALE / 1000));
    hapax_keep_alive(map);
    hapax_keep_alive(heads);
}

Test(weak_map, a_chain_of_a_million_lives_and_dies_with_its_head, .timeout = 100)
{
    lives_and_dies_with_its_head(FROM_HEAD);
}

Test(weak_map, a_chain_of_a_million_that_was_made_from_its_end, .timeout = 100)
{
    lives_and_dies_with_its_head(FROM_END);
}

static NOINLINE hapax_weak_map *set_in_new_map(struct object **keys)
{
    hapax_weak_map *map = new_map();
    set_back_references(map, keys, true);
    return map;
}

static NOINLINE void drop_maps(struct object **keys, unsigned maps)
{
    for (unsigned i = 0; i < maps; i++)
        set_in_new_map(keys);
}

Test(weak_map, values_die_with_the_map)
{
    struct object **keys = new_keys(MANY);
    drop_maps(keys, 10);
    collect_all();
    cr_assert_geq(died, MOST(10 * 2 * MANY));
    hapax_keep_alive(keys);
}

Test(weak_map, values_that_refer_to_the_map_die_with_it)
{
    struct object **keys = new_keys(MANY);
    for (unsigned i = 0; i < 20; i++) {
        hapax_weak_map *map = set_in_new_map(keys);
        set(map, keys[0], map);
    }
    collect_all();
    cr_assert_geq(died, MOST(20 * 2 * MANY));
    hapax_keep_alive(keys);
}

/* Maps that are values of maps: the innermost is reached through all the others. */
static NOINLINE void nest(hapax_weak_map *outer, struct object **keys, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++) {
        hapax_weak_map *inner = new_map();
        set(outer, keys[i], inner);
        outer = inner;
    }
    set_back_references(outer, keys, true);
}

static NOINLINE void check_nested(hapax_weak_map *map, struct object **keys, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        cr_assert_not_null(map = hapax_weak_map_get(map, keys[i]));
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(((struct object *)hapax_weak_map_get(map, keys[i]))->number, i);
}

Test(weak_map, maps_are_values)
{
    enum { DEPTH = 500 };
    hapax_weak_map *map = new_map();
    struct object **keys = new_keys(MANY);
    nest(map, keys, DEPTH);
    collect_all();
    cr_assert_eq(died, 0u);
    check_nested(map, keys, DEPTH);
    hapax_weak_map_remove(map, keys[0]);
    for (unsigned i = 0; i < 3 && died < MOST(2 * MANY); i++)
        collect_all();
    cr_assert_geq(died, MOST(2 * MANY));
    hapax_keep_alive(map);
    hapax_keep_alive(keys);
}

static NOINLINE void set_mortals(hapax_weak_map *map, struct object **keys)
{
    for (size_t i = 0; i < MANY; i++)
        set(map, keys[i], new_mortal(i));
}

Test(weak_map, a_removed_or_replaced_value_is_let_go)
{
    hapax_weak_map *map = new_map();
    struct object **keys = new_keys(MANY);
    set_mortals(map, keys);
    set_mortals(map, keys);
    collect_all();
    cr_assert_geq(died, MOST(MANY));
    cr_assert_leq(died, MANY);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(hapax_weak_map_remove(map, keys[i]));
    collect_all();
    cr_assert_geq(died, MOST(2 * MANY));
    hapax_keep_alive(map);
    hapax_keep_alive(keys);
}

static NOINLINE void share_keys(hapax_weak_map *one, hapax_weak_map *two, struct object **keys)
{
    for (size_t i = 0; i < MANY; i++) {
        set(one, keys[i], new_mortal(i));
        set(two, keys[i], new_mortal(i));
        /* Its value in one map holds what is a key in the other. */
        struct object *inner = new_object(i);
        set(two, inner, new_mortal(i));
        ((struct object *)hapax_weak_map_get(one, keys[i]))->next = inner;
    }
}

Test(weak_map, values_are_reached_across_maps)
{
    hapax_weak_map *one = new_map(), *two = new_map();
    struct object **keys = new_keys(MANY);
    share_keys(one, two, keys);
    collect_all();
    cr_assert_eq(died, 0u);
    for (size_t i = 0; i < MANY; i++) {
        struct object *value = hapax_weak_map_get(one, keys[i]);
        cr_assert_eq(((struct object *)hapax_weak_map_get(two, value->next))->number, i);
    }
    memset(keys, 0, MANY * sizeof *keys);
    collect_all();
    cr_assert_geq(died, MOST(3 * MANY));
    hapax_keep_alive(one);
    hapax_keep_alive(two);
    hapax_keep_alive(keys);
}

/* ---- Beside finalizers ---- */

static hapax_weak_map *watched, *plainly;   /* the second's values are no collected objects */
static atomic_uint finalized, wrong;
static struct object *resurrected[MANY];

static void look_up(void *object, void *arg)
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

static NOINLINE void make_finalizable(void (*make)(struct object *))
{
    struct object **keys = new_keys(MANY);
    set_back_references(watched, keys, false);
    for (size_t i = 0; i < MANY; i++) {
        set(plainly, keys[i], &static_keys[i]);
        make(keys[i]);
    }
    /* One stale pointer to the array would keep them all. */
    memset(keys, 0, MANY * sizeof *keys);
}

static NOINLINE void check_resurrected(void)
{
    unsigned count = 0;
    for (size_t i = 0; i < MANY; i++) {
        struct object *key = resurrected[i];
        if (key == NULL)
            continue;
        cr_assert_eq(((struct object *)hapax_weak_map_get(watched, key))->next, key);
        cr_assert_eq(hapax_weak_map_get(plainly, key), &static_keys[i]);
        count++;
    }
    cr_assert_eq(count, finalized);
}

/* The collector's own table of finalizers, before it grew, holds some of their objects where a stale pointer to it is
 * left: of the foreign ones fewer have to die. */
static void keeps_the_value_for(void (*make)(struct object *), unsigned least_dead)
{
    watched = new_map();
    plainly = new_map();
    hapax_pin(watched);
    hapax_pin(plainly);
    make_finalizable(make);
    collect_all();
    GC_invoke_finalizers();
    collect_all();
    cr_assert_geq(finalized, MOST(MANY));
    cr_assert_eq(wrong, 0u);
    cr_assert_leq(died, MANY - finalized);
    check_resurrected();
    memset(resurrected, 0, sizeof resurrected);
    collect_all();
    collect_all();
    cr_assert_geq(died, least_dead);
}

static void finalize_ours(struct object *key)
{
    cr_assert_eq(hapax_set_finalizer(key, look_up, NULL), 0);
}

static void finalize_foreign(struct object *key)
{
    GC_register_finalizer(key, look_up, NULL, NULL, NULL);
}

static void finalize_foreign_without_order(struct object *key)
{
    GC_register_finalizer_no_order(key, look_up, NULL, NULL, NULL);
}

Test(weak_map, a_key_has_its_value_in_its_finalizer)
{
    keeps_the_value_for(finalize_ours, MOST(MANY));
}

Test(weak_map, a_key_has_its_value_in_a_foreign_finalizer)
{
    keeps_the_value_for(finalize_foreign, MANY / 4);
}

Test(weak_map, a_key_has_its_value_in_a_foreign_finalizer_without_order)
{
    keeps_the_value_for(finalize_foreign_without_order, MANY / 4);
}

static void look_up_held(void *object, void *data)
{
    look_up(((struct object *)object)->other, data);
}

static void finalize_foreign_reached(struct object *key)
{
    struct object *holder = new_object(0);
    holder->other = key;
    GC_register_finalizer(holder, look_up_held, NULL, NULL, NULL);
}

static void finalize_foreign_reached_without_order(struct object *key)
{
    struct object *holder = new_object(0);
    holder->other = key;
    GC_register_finalizer_no_order(holder, look_up_held, NULL, NULL, NULL);
}

Test(weak_map, a_key_that_a_foreign_finalizer_reaches_has_its_value)
{
    keeps_the_value_for(finalize_foreign_reached, MANY / 4);
}

Test(weak_map, a_key_that_a_foreign_finalizer_without_order_reaches_has_its_value)
{
    keeps_the_value_for(finalize_foreign_reached_without_order, MANY / 4);
}

/* In one map: a key that a stale pointer has kept comes later, and has its value still. */
Test(weak_map, keys_that_foreign_finalizers_reach_have_their_values_again_and_again)
{
    watched = new_map();
    plainly = new_map();
    hapax_pin(watched);
    hapax_pin(plainly);
    for (unsigned round = 0; round < 3; round++) {
        unsigned before = finalized;
        make_finalizable(finalize_foreign_reached);
        collect_all();
        GC_invoke_finalizers();
        cr_assert_geq(finalized - before, MOST(MANY));
        cr_assert_eq(wrong, 0u);
        memset(resurrected, 0, sizeof resurrected);
        collect_all();
    }
}

static atomic_uint first_ran[MANY], second_ran, out_of_order;

static void finalize_first(void *object, void *arg)
{
    struct object *key = object, *value = hapax_weak_map_get(watched, key);
    (void)arg;
    /* What it reaches has not been finalized. */
    if (value == NULL || value->next->number != key->number)
        atomic_fetch_add(&wrong, 1u);
    first_ran[key->number] = 1;
    atomic_fetch_add(&finalized, 1u);
}

static void finalize_second(void *object, void *arg)
{
    (void)arg;
    if (first_ran[((struct object *)object)->number] == 0)
        atomic_fetch_add(&out_of_order, 1u);
    atomic_fetch_add(&second_ran, 1u);
}

static NOINLINE void make_pairs(void)
{
    for (size_t i = 0; i < MANY; i++) {
        struct object *first = new_object(i), *second = new_object(i), *value = new_object(i);
        value->next = second;
        set(watched, first, value);
        /* Whichever the collection comes to first. */
        if (i % 2 == 0)
            cr_assert_eq(hapax_set_finalizer(second, finalize_second, NULL), 0);
        cr_assert_eq(hapax_set_finalizer(first, finalize_first, NULL), 0);
        if (i % 2 != 0)
            cr_assert_eq(hapax_set_finalizer(second, finalize_second, NULL), 0);
    }
}

Test(weak_map, finalizers_run_in_order_where_a_key_reaches_another_by_its_value)
{
    watched = new_map();
    hapax_pin(watched);
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    make_pairs();
    collect();
    hapax_run_cleanups();
    cr_assert_geq(finalized, MOST(MANY));
    cr_assert_eq(second_ran, 0u);
    cr_assert_eq(wrong, 0u);
    collect();
    hapax_run_cleanups();
    cr_assert_geq(second_ran, MOST(MANY));
    cr_assert_eq(out_of_order, 0u);
}

/* The collector keeps a cycle of its finalizers for ever, and tells nobody: the keys live, their values perhaps not. */
static NOINLINE void make_foreign_cycles(hapax_weak *weaks)
{
    for (size_t i = 0; i < MANY; i++) {
        struct object *key = new_object(i), *value = new_object(i);
        key->next = key;
        value->other = new_object(i);
        set(watched, key, value);
        weaks[i] = hapax_weak_make(key);
        GC_register_finalizer(key, look_up, NULL, NULL, NULL);
    }
}

static NOINLINE unsigned check_foreign_cycles(hapax_weak *weaks)
{
    unsigned alive = 0;
    for (size_t i = 0; i < MANY; i++) {
        struct object *key = hapax_weak_value(weaks[i]), *value;
        if (key == NULL)
            continue;
        alive++;
        value = hapax_weak_map_get(watched, key);
        cr_assert(value == NULL || value == key || (value->number == i && value->other->number == i));
        set(watched, key, key);
        cr_assert_eq(hapax_weak_map_get(watched, key), key);
    }
    return alive;
}

static NOINLINE void fill_with_other_things(void)
{
    for (size_t i = 0; i < 20 * MANY; i++)
        memset(hapax_alloc(sizeof(struct object)), 0xff, sizeof(struct object));
}

Test(weak_map, a_key_that_comes_back_unnoticed_has_no_stale_value)
{
    watched = new_map();
    hapax_pin(watched);
    GC_set_warn_proc(GC_ignore_warn_proc);
    hapax_weak *weaks = hapax_alloc(MANY * sizeof *weaks);
    make_foreign_cycles(weaks);
    collect();
    fill_with_other_things();
    cr_assert_geq(check_foreign_cycles(weaks), MOST(MANY));
    collect();
    cr_assert_geq(check_foreign_cycles(weaks), MOST(MANY));
    cr_assert_eq(finalized, 0u);
    hapax_keep_alive(weaks);
}

/* A foreign finalizer's object that holds a map and some of its keys. */
enum { KEYS_OF_A_MAP = 64 };

struct map_holder {
    hapax_weak_map *map;
    struct object *keys[KEYS_OF_A_MAP];
};

static struct map_holder *brought_back[MANY];

static void bring_back(void *object, void *arg)
{
    (void)arg;
    brought_back[atomic_fetch_add(&finalized, 1u)] = object;
}

/* Half of the keys are the holder's; where all are wanted, whoever asks holds them. */
static NOINLINE void make_map_held_by_a_foreign_finalizer(struct object **all_keys)
{
    struct map_holder *holder = hapax_alloc(sizeof *holder);
    holder->map = new_map();
    for (size_t i = 0; i < KEYS_OF_A_MAP; i++) {
        struct object *key = new_object(i), *value = new_object(i);
        set(holder->map, key, value);
        value->next = key;
        if (all_keys != NULL)
            all_keys[i] = key;
        if (i % 2 == 0)
            holder->keys[i] = key;
    }
    GC_register_finalizer(holder, bring_back, NULL, NULL, NULL);
}

static NOINLINE void check_maps_brought_back(void)
{
    for (size_t i = 0; i < finalized; i++) {
        for (size_t k = 0; k < KEYS_OF_A_MAP; k++) {
            struct object *key = brought_back[i]->keys[k];
            if (key == NULL)
                continue;
            struct object *value = hapax_weak_map_get(brought_back[i]->map, key);
            cr_assert(value != NULL && value->next == key && value->number == k);
        }
    }
}

Test(weak_map, a_map_that_a_foreign_finalizer_brings_back_is_whole)
{
    for (size_t i = 0; i < MANY / 10; i++)
        make_map_held_by_a_foreign_finalizer(NULL);
    collect();
    GC_invoke_finalizers();
    cr_assert_geq(finalized, MOST(MANY / 10));
    check_maps_brought_back();
    fill_with_other_things();
    collect();
    check_maps_brought_back();
}

/* First with all keys alive, then with some of them dead. */
static struct object *kept_keys[MANY / 10][KEYS_OF_A_MAP];

static NOINLINE void finalize_again(void)
{
    for (size_t i = 0; i < finalized; i++)
        GC_register_finalizer(brought_back[i], bring_back, NULL, NULL, NULL);
    memset(brought_back, 0, sizeof brought_back);
    memset(kept_keys, 0, sizeof kept_keys);
    finalized = 0;
}

Test(weak_map, dead_keys_go_from_a_map_that_foreign_finalizers_bring_back_twice)
{
    for (size_t i = 0; i < MANY / 10; i++)
        make_map_held_by_a_foreign_finalizer(kept_keys[i]);
    collect();
    GC_invoke_finalizers();
    cr_assert_geq(finalized, MOST(MANY / 10));
    check_maps_brought_back();
    finalize_again();
    for (unsigned round = 0; round < 3; round++) {
        collect();
        GC_invoke_finalizers();
        use_what_is_free();
        check_maps_brought_back();
    }
    cr_assert_geq(finalized, MOST(MOST(MANY / 10)));
}

/* A map in such a cycle: its keys have lived all along, their values perhaps not. */
static NOINLINE void make_maps_in_foreign_cycles(hapax_weak *weaks, struct object **keys)
{
    for (size_t i = 0; i < MANY; i++) {
        struct map_holder *holder = hapax_alloc(sizeof *holder);
        holder->map = new_map();
        holder->keys[0] = (void *)holder;
        struct object *value = new_object(i);
        value->other = new_object(i);
        set(holder->map, keys[i], value);
        weaks[i] = hapax_weak_make(holder->map);
        GC_register_finalizer(holder, bring_back, NULL, NULL, NULL);
    }
}

static NOINLINE unsigned check_maps_in_foreign_cycles(hapax_weak *weaks, struct object **keys)
{
    unsigned alive = 0;
    for (size_t i = 0; i < MANY; i++) {
        hapax_weak_map *map = hapax_weak_value(weaks[i]);
        if (map == NULL)
            continue;
        alive++;
        struct object *value = hapax_weak_map_get(map, keys[i]);
        cr_assert(value == NULL || value == keys[i] || (value->number == i && value->other->number == i));
        set(map, keys[i], keys[i]);
        cr_assert_eq(hapax_weak_map_get(map, keys[i]), keys[i]);
    }
    return alive;
}

Test(weak_map, a_map_that_comes_back_unnoticed_has_no_stale_values)
{
    GC_set_warn_proc(GC_ignore_warn_proc);
    hapax_weak *weaks = hapax_alloc(MANY * sizeof *weaks);
    struct object **keys = new_keys(MANY);
    make_maps_in_foreign_cycles(weaks, keys);
    for (unsigned round = 0; round < 2; round++) {
        collect();
        fill_with_other_things();
        cr_assert_geq(check_maps_in_foreign_cycles(weaks, keys), MOST(MANY));
    }
    cr_assert_eq(finalized, 0u);
    hapax_keep_alive(weaks);
    hapax_keep_alive(keys);
}

static void use_map(void *object, void *arg)
{
    struct object **keys = arg;
    for (size_t i = 0; i < MANY; i++) {
        struct object *value = hapax_weak_map_get(object, keys[i]);
        if (value == NULL || value->next != keys[i] || value->other->next != keys[i])
            atomic_fetch_add(&wrong, 1u);
    }
    atomic_fetch_add(&finalized, 1u);
}

static NOINLINE void make_finalizable_maps(struct object **keys)
{
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(hapax_set_finalizer(set_in_new_map(keys), use_map, keys), 0);
}

Test(weak_map, a_map_is_whole_in_its_finalizer)
{
    struct object **keys = new_keys(MANY);
    make_finalizable_maps(keys);
    collect_all();
    cr_assert_geq(finalized, 8u);
    cr_assert_eq(wrong, 0u);
    collect_all();
    cr_assert_geq(died, 8u * MOST(2 * MANY));
    hapax_keep_alive(keys);
}

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
    /* Whoever collects would hold up everybody. */
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
    set_back_references(map, keys, true);
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
