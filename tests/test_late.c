/* SPDX-License-Identifier: MIT */
/* What the collector keeps alive although it has not marked it when its marking ends: objects that strong toggle
 * references hold, and cycles of objects with finalizers of its own. */
#include "config.h"

#include "finalizer_table.h"
#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <gc/gc_mark.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

TestSuite(late, .timeout = 60);

static void must(bool well)
{
    if (!well)
        abort();
}

struct node {
    struct node *next, *child;
    size_t number;
};

static hapax_weak weak[MANY], weak_child[MANY], weak_value[MANY], weak_second[MANY];
static hapax_weak_map *map, *second_map;
static atomic_size_t finalized;

static struct node *new_node(size_t number)
{
    struct node *node = hapax_alloc(sizeof *node);
    node->number = number;
    return node;
}

static void count(void *object, void *unused)
{
    (void)object, (void)unused;
    atomic_fetch_add(&finalized, 1);
}

static void make_maps(void)
{
    map = hapax_weak_map_new();
    second_map = hapax_weak_map_new();
    must(map != NULL && second_map != NULL);
}

/* A child with a finalizer, a value in a map for the object, one in another map for that value; and the last value
 * reaches another object with a finalizer. All live as long as the object does. */
static void attach(size_t i, struct node *object)
{
    object->child = new_node(i);
    must(hapax_set_finalizer(object->child, count, NULL) == 0);
    struct node *value = new_node(i), *second = new_node(i);
    second->child = new_node(i);
    must(hapax_set_finalizer(second->child, count, NULL) == 0);
    must(hapax_weak_map_set(map, object, value) == 0 && hapax_weak_map_set(second_map, value, second) == 0);
    weak[i] = hapax_weak_make(object);
    weak_child[i] = hapax_weak_make(object->child);
    weak_value[i] = hapax_weak_make(value);
    weak_second[i] = hapax_weak_make(second->child);
}

static int all_is_there(void)
{
    for (size_t i = 0; i < MANY; i++) {
        struct node *object = hapax_weak_value(weak[i]);
        CHECK(object != NULL && object->number == i);
        CHECK(hapax_weak_value(weak_child[i]) == object->child && object->child->number == i);
        struct node *value = hapax_weak_map_get(map, object);
        CHECK(value != NULL && value == hapax_weak_value(weak_value[i]) && value->number == i);
        struct node *second = hapax_weak_map_get(second_map, value);
        CHECK(second != NULL && second->child == hapax_weak_value(weak_second[i]) && second->child->number == i);
    }
    CHECK(atomic_load(&finalized) == 0);
    return 0;
}

static int stays(void)
{
    for (int round = 0; round < 5; round++) {
        collect();
        CHECK(hapax_wait_cleanups(FOR_EVER));
        /* What was lost is somebody else's. */
        for (size_t i = 0; i < 10 * MANY; i++)
            memset(hapax_alloc(sizeof(struct node)), 0x5a, sizeof(struct node));
        CHECK(all_is_there() == 0);
    }
    return 0;
}

static int goes(void)
{
    for (int round = 0; round < 4; round++) {
        collect();
        CHECK(hapax_wait_cleanups(FOR_EVER));
    }
    CHECK(count_dead(weak, MANY) >= MOST && count_dead(weak_value, MANY) >= MOST);
    CHECK(count_dead(weak_child, MANY) >= MOST && count_dead(weak_second, MANY) >= MOST);
    CHECK(atomic_load(&finalized) >= 2 * MOST);
    return 0;
}

/* ---- Toggle references ---- */

static atomic_bool strong;
static atomic_size_t decided;

static GC_ToggleRefStatus GC_CALLBACK toggle(void *object)
{
    (void)object;
    atomic_fetch_add(&decided, 1);
    return atomic_load(&strong) ? GC_TOGGLE_REF_STRONG : GC_TOGGLE_REF_WEAK;
}

static void make_toggled(size_t i)
{
    struct node *object = new_node(i);
    attach(i, object);
    must(GC_toggleref_add(object, 1) == GC_SUCCESS);
}

static int live_while_strong(void)
{
    atomic_store(&strong, true);
    make_each(MANY, make_toggled);
    CHECK(stays() == 0);
    CHECK(atomic_load(&decided) >= 5 * MANY);
    atomic_store(&strong, false);
    return goes();
}

static int toggles_before_the_start(void *incremental)
{
    GC_INIT();
    if (incremental != NULL)
        GC_enable_incremental();
    GC_set_toggleref_func(toggle);
    make_maps();
    return live_while_strong();
}

static int toggles_after_the_start(void *unused)
{
    (void)unused;
    CHECK(hapax_init() == 0);
    make_maps();
    GC_set_toggleref_func(toggle);
    return live_while_strong();
}

Test(late, strong_toggle_references)
{
    cr_expect_eq(in_child(toggles_before_the_start, NULL), 0);
    cr_expect_eq(in_child(toggles_before_the_start, &strong), 0, "incremental");
    cr_expect_eq(in_child(toggles_after_the_start, NULL), 0);
}

/* A program that has none loses nothing either: what it adds without a function that decides is ignored, as always. */
Test(late, no_function_that_decides)
{
    cr_assert_eq(hapax_init(), 0);
    make_maps();
    must(GC_toggleref_add(new_node(0), 1) == GC_SUCCESS);
    hapax_collect();
    cr_assert_null(GC_get_toggleref_func());
}

/* ---- Cycles ---- */

static atomic_size_t warned;

static void GC_CALLBACK hear(char *message, GC_word word)
{
    (void)message, (void)word;
    atomic_fetch_add(&warned, 1);
}

static void GC_CALLBACK foreign(void *object, void *unused)
{
    (void)object, (void)unused;
}

/* Its second half is only reached through the first. */
static void make_cycle(size_t i)
{
    struct node *first = new_node(i), *last = new_node(i);
    first->next = new_node(i);
    first->next->next = last;
    last->next = first;
    attach(i, last);
    GC_register_finalizer(first, foreign, NULL, NULL, NULL);
    GC_register_finalizer(last, foreign, NULL, NULL, NULL);
}

static int cycles(void *when)
{
    GC_INIT();
    if (when == NULL)
        GC_set_warn_proc(hear);
    make_maps();
    if (when != NULL)
        GC_set_warn_proc(hear);
    make_each(MANY, make_cycle);
    CHECK(stays() == 0);
    CHECK(atomic_load(&warned) >= MOST);
    return 0;
}

Test(late, cycles_of_foreign_finalizers)
{
    cr_expect_eq(in_child(cycles, NULL), 0);
    cr_expect_eq(in_child(cycles, &warned), 0, "warnings heard by another since");
}

/* ---- Brought back ---- */

static void *held[MANY];

static void GC_CALLBACK bring_back(void *object, void *unused)
{
    (void)unused;
    held[((struct node *)object)->number] = object;
}

static void make_brought_back(size_t i)
{
    struct node *object = new_node(i);
    attach(i, object);
    GC_register_finalizer_no_order(object, bring_back, NULL, NULL, NULL);
}

Test(late, what_maps_hold_for_objects_that_come_back)
{
    grow_finalizer_table(MANY);
    make_maps();
    make_each(MANY, make_brought_back);
    collect();
    GC_invoke_finalizers();
    cr_assert_eq(stays(), 0);
    memset(held, 0, sizeof held);
    cr_assert_eq(goes(), 0);
}
