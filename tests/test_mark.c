/* SPDX-License-Identifier: MIT */
/* Our own marker and the search without marks, where their room ends: src/collector/mark.h, src/collector/reach.h. */
#include "config.h"

#include "dying.h"

#include "collector/mark.h"
#include "collector/reach.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { MANY = 1000, LISTS = 512, LENGTH = 32 };

struct node {
    struct node *left, *right;
    size_t number;
};

static struct node *new_node(size_t number)
{
    struct node *node = hapax_alloc(sizeof *node);
    cr_assert_not_null(node);
    node->number = number;
    return node;
}

static void set(hapax_weak_map *map, const void *key, void *value)
{
    cr_assert_eq(hapax_weak_map_set(map, key, value), 0);
}

/* Many lists: the object that holds them has many children, and the way to each last node is long. */
static NOINLINE void set_lists(hapax_weak_map *map, const void *key, hapax_weak *weaks)
{
    struct node **lists = hapax_alloc(LISTS * sizeof *lists);
    for (size_t i = 0; i < LISTS * LENGTH; i++) {
        struct node *node = new_node(i);
        node->left = lists[i % LISTS];
        lists[i % LISTS] = node;
        weaks[i] = hapax_weak_make(node);
    }
    set(map, key, lists);
}

static NOINLINE void check_lists(hapax_weak_map *map, const void *key, hapax_weak *weaks)
{
    struct node **lists = hapax_weak_map_get(map, key);
    for (size_t i = 0; i < LISTS; i++) {
        struct node *node = lists[i];
        for (size_t number = LISTS * LENGTH - LISTS + i; node != NULL; node = node->left, number -= LISTS) {
            cr_assert_eq(node->number, number);
            cr_assert_eq(hapax_weak_value(weaks[number]), node);
        }
    }
    for (size_t i = 0; i < LISTS * LENGTH; i++)
        cr_assert_not_null(hapax_weak_value(weaks[i]));
}

/* One stale pointer would keep all of what hangs together. */
static NOINLINE void take_apart(hapax_weak_map *map, const void *key)
{
    struct node **lists = hapax_weak_map_get(map, key);
    for (size_t i = 0; i < LISTS; i++) {
        for (struct node *node = lists[i], *next; node != NULL; node = next) {
            next = node->left;
            node->left = NULL;
        }
        lists[i] = NULL;
    }
}

static NOINLINE unsigned count_dead(hapax_weak *weaks)
{
    unsigned dead = 0;
    for (size_t i = 0; i < LISTS * LENGTH; i++)
        dead += hapax_weak_value(weaks[i]) == NULL;
    return dead;
}

static void marks_with_room_for(size_t objects)
{
    mark_room_wanted = objects;
    static int key;
    hapax_weak_map *map = hapax_weak_map_new();
    hapax_weak *weaks = hapax_alloc(LISTS * LENGTH * sizeof *weaks);
    set_lists(map, &key, weaks);
    for (unsigned i = 0; i < 3; i++) {
        collect();
        check_lists(map, &key, weaks);
    }
    take_apart(map, &key);
    collect();
    collect();
    cr_assert_geq(count_dead(weaks), MOST(LISTS * LENGTH));
    hapax_keep_alive(weaks);
    hapax_keep_alive(map);
}

Test(mark, finds_everything_with_room)
{
    marks_with_room_for(0);
}

Test(mark, finds_everything_with_little_room)
{
    marks_with_room_for(100);
}

Test(mark, finds_everything_with_room_for_one)
{
    marks_with_room_for(1);
}

static atomic_uint ran, foreign_ran;

static void count(void *object, void *arg)
{
    (void)object, (void)arg;
    atomic_fetch_add(&ran, 1u);
}

static void GC_CALLBACK foreign(void *object, void *data)
{
    (void)object, (void)data;
    atomic_fetch_add(&foreign_ran, 1u);
}

static NOINLINE void make_beside_foreign(void)
{
    struct node *list = NULL;
    for (size_t i = 0; i < MANY; i++) {
        struct node *node = new_node(i), *holder = new_node(i);
        node->left = list;
        list = node;
        holder->left = list;
        GC_register_finalizer(holder, foreign, NULL, NULL, NULL);
        cr_assert_eq(hapax_set_finalizer(new_node(i), count, NULL), 0);
    }
}

/* Where the search cannot tell whether foreign finalizers bring an object back, its own waits, but not for ever. */
Test(reach, finalizers_wait_where_the_search_has_no_end)
{
    reach_limit = MANY / 2;
    cr_assert_eq(hapax_init(), 0);
    make_beside_foreign();
    collect_all();
    GC_invoke_finalizers();
    cr_assert_geq(foreign_ran, MOST(MANY));
    cr_assert_geq(ran, MOST(MANY));
    ran = 0;
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    for (unsigned i = 0; i < 5; i++) {
        /* One collection a turn. */
        GC_disable();
        make_beside_foreign();
        GC_enable();
        collect();
        size_t drained = hapax_run_cleanups();
        if (i < 3)
            cr_assert_leq(drained, (size_t)MANY / 10);
        else
            cr_assert_geq(drained, (size_t)MOST(MANY));
    }
}
