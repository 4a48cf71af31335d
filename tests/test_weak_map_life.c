/* How long what is in a weak map lives: hapax/weak_map.h. */
#include "config.h"

#include "weak_map_objects.h"

#include <criterion/criterion.h>
#include <stdbool.h>

/* ---- Life and death ---- */

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
