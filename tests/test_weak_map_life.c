/* SPDX-License-Identifier: MIT */
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
    set_back_references(map, keys, MANY, true);
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

#define MORTALS(length) (((length) + 9) / 10)

static NOINLINE struct object *make_chain(hapax_weak_map *map, size_t length, enum order order)
{
    struct object **keys = hapax_alloc(length * sizeof *keys), *first;
    for (size_t i = 0; i < length; i++)
        keys[i] = i % 10 == 0 ? new_mortal(i) : new_object(i);
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

enum { LONG = 300000 / SCALE, CHAINS = 100, SHORT = LONG / CHAINS };

/* In time that grows as the length does: else this would not come to an end. */
static void lives_with_its_head(enum order order)
{
    hapax_weak_map *map = new_map();
    struct object *head = make_chain(map, LONG, order);
    collect();
    bury();
    cr_assert_eq(walk_chain(map, head), (size_t)LONG);
    cr_assert_eq(died, 0u);
    hapax_keep_alive(head);
    collect_all();
    hapax_keep_alive(map);
}

Test(weak_map, a_long_chain_lives_with_its_head, .timeout = 100)
{
    lives_with_its_head(FROM_HEAD);
}

Test(weak_map, a_long_chain_that_was_made_from_its_end, .timeout = 100)
{
    lives_with_its_head(FROM_END);
}

static NOINLINE void drop_chains(hapax_weak_map *map)
{
    for (unsigned i = 0; i < CHAINS; i++)
        (void)make_chain(map, SHORT, i % 2 == 0 ? FROM_HEAD : FROM_END);
}

Test(weak_map, chains_die_with_their_heads)
{
    hapax_weak_map *map = new_map();
    drop_chains(map);
    collect_all();
    cr_assert_geq(died, MOST(CHAINS) * MORTALS(SHORT));
    hapax_keep_alive(map);
}

static NOINLINE void drop_maps(struct object **keys, unsigned maps)
{
    for (unsigned i = 0; i < maps; i++)
        set_in_new_map(keys);
}

Test(weak_map, values_die_with_the_map)
{
    if (address_space_is_limited())
        cr_skip_test("no room for many maps");
    struct object **keys = new_keys(KEYS);
    drop_maps(keys, MAPS);
    collect_all();
    cr_assert_geq(died, MOST(MAPS) * 2 * KEYS);
    hapax_keep_alive(keys);
}

Test(weak_map, values_that_refer_to_the_map_die_with_it)
{
    if (address_space_is_limited())
        cr_skip_test("no room for many maps");
    struct object **keys = new_keys(KEYS);
    for (unsigned i = 0; i < MAPS; i++) {
        hapax_weak_map *map = set_in_new_map(keys);
        set(map, keys[0], map);
    }
    collect_all();
    cr_assert_geq(died, MOST(MAPS) * 2 * (KEYS - 1));
    hapax_keep_alive(keys);
}

enum { DEPTH = 5 };

/* Maps that are values of maps: the innermost is reached through all the others. */
static NOINLINE void nest(hapax_weak_map *outer, struct object **keys)
{
    for (unsigned i = 0; i < DEPTH; i++) {
        hapax_weak_map *inner = new_map();
        set(outer, keys[i], inner);
        outer = inner;
    }
    set_back_references(outer, keys, KEYS, true);
}

static NOINLINE void check_nested(hapax_weak_map *map, struct object **keys)
{
    for (unsigned i = 0; i < DEPTH; i++)
        cr_assert_not_null(map = hapax_weak_map_get(map, keys[i]));
    for (size_t i = 0; i < KEYS; i++)
        cr_assert_eq(((struct object *)hapax_weak_map_get(map, keys[i]))->number, i);
}

static NOINLINE void let_half_go(hapax_weak_map **maps, struct object **keys)
{
    for (unsigned i = 0; i < MAPS; i += 2)
        maps[i] = NULL;
    for (unsigned i = 1; i < MAPS; i += 2)
        cr_assert(hapax_weak_map_remove(maps[i], keys[0]));
}

Test(weak_map, maps_are_values)
{
    if (address_space_is_limited())
        cr_skip_test("no room for many maps");
    hapax_weak_map **maps = hapax_alloc(MAPS * sizeof *maps);
    struct object **keys = new_keys(KEYS);
    for (unsigned i = 0; i < MAPS; i++)
        nest(maps[i] = new_map(), keys);
    collect_all();
    cr_assert_eq(died, 0u);
    for (unsigned i = 0; i < MAPS; i++)
        check_nested(maps[i], keys);
    let_half_go(maps, keys);
    collect_all();
    cr_assert_geq(died, MOST(MAPS) * 2 * KEYS);
    hapax_keep_alive(maps);
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
