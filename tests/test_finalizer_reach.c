/* SPDX-License-Identifier: MIT */
/* Finalizers: their order, and what they keep reachable. */
#include "config.h"

#include "finalizer_nodes.h"
#include "finalizer_table.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>

/* ---- Order ---- */

enum { CHAIN = 4 };
static atomic_uint order_violations, finalized[MANY][CHAIN];

static void check_order(void *object, void *arg)
{
    (void)arg;
    struct node *node = object;
    unsigned group = node->number / CHAIN, place = node->number % CHAIN;
    if (place > 0 && finalized[group][place - 1] == 0)
        atomic_fetch_add(&order_violations, 1u);
    finalized[group][place] = 1;
    atomic_fetch_add(&ran, 1u);
}

/* Each reaches the next by way of an object without a finalizer. */
static NOINLINE void make_chains(void)
{
    for (unsigned group = 0; group < MANY; group++) {
        struct node *after = NULL;
        for (unsigned place = CHAIN; place-- > 0;) {
            struct node *node = new_node(group * CHAIN + place), *between = new_node(0);
            between->next = after;
            node->other = between;
            set(node, check_order, NULL);
            after = node;
        }
    }
}

Test(finalizer, who_reaches_another_runs_first)
{
    make_chains();
    for (unsigned i = 0; i < CHAIN; i++)
        collect_all();
    cr_assert_eq(order_violations, 0u);
    cr_assert_geq(ran, MOST(CHAIN * MANY));
}

static NOINLINE void make_cycles(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *a = new_node(i), *b = new_node(i), *self = new_node(i);
        a->next = new_node(i);
        a->next->next = b;
        b->other = a;
        self->next = new_node(i);
        self->next->next = self;
        set(a, count, NULL);
        set(b, count, NULL);
        set(self, count, NULL);
    }
}

Test(finalizer, those_of_a_cycle_never_run)
{
    make_cycles();
    for (unsigned i = 0; i < 3; i++)
        collect_all();
    cr_assert_eq(ran, 0u);
}

/* What an object knows of itself is no reason to keep it: only another one, met on the way back, is. */
static NOINLINE void make_self_pointing(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = new_node(i);
        node->next = node;
        node->other = i % 2 ? new_node(i) : node;
        set(node, resurrect, NULL);
    }
}

Test(finalizer, an_object_that_points_to_itself_is_no_cycle)
{
    make_self_pointing();
    collect_all();
    cr_assert_geq(ran, MOST(MANY));
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = resurrected[i];
        cr_assert(node == NULL || (node->next == node && node->other->number == i));
    }
}

static bool first_ran[MANY];

static void note_first(void *object, void *arg)
{
    first_ran[((struct node *)object)->number] = true;
    count(object, arg);
}

static void note_second(void *object, void *arg)
{
    order_violations += !first_ran[((struct node *)object)->number];
    count(object, arg);
}

/* One that another object with a finalizer reaches comes after it, as always. */
static NOINLINE void make_self_pointing_pairs(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *first = new_node(i), *second = new_node(i);
        first->next = second;
        first->other = first;
        second->other = second;
        set(second, note_second, NULL);
        set(first, note_first, NULL);
    }
}

Test(finalizer, objects_that_point_to_themselves_run_in_order)
{
    make_self_pointing_pairs();
    collect_all();
    collect_all();
    cr_assert_eq(order_violations, 0u);
    cr_assert_geq(ran, MOST(2 * MANY));
}

enum { LONG = 1000000 / SCALE };

static NOINLINE void make_long_list(void)
{
    struct node *list = NULL;
    for (unsigned i = 0; i < LONG; i++) {
        struct node *node = new_node(i);
        node->next = list;
        list = node;
    }
    list->number = 0;
    set(list, resurrect, NULL);
}

/* What a finalizer keeps may be of any depth. */
Test(finalizer, keeps_a_list_of_a_million)
{
    for (unsigned i = 0; i < 5 && ran == 0; i++) {
        make_long_list();
        collect_all();
    }
    cr_assert_gt(ran, 0u);
    unsigned left = LONG - 1;
    for (struct node *node = resurrected[0]->next; node != NULL; node = node->next)
        cr_assert_eq(node->number, --left);
    cr_assert_eq(left, 0u);
}

/* ---- What is kept ---- */

static NOINLINE void make_with_arguments(struct node **held)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *arg = new_node(i);
        arg->next = new_node(i);
        cr_assert_eq(hapax_add_cleanup(arg->next, count_one, &times_ran[0], NULL), 0);
        held[i] = new_node(i);
        set(held[i], count, arg);
    }
}

Test(finalizer, keeps_its_argument_until_it_ran)
{
    drain_by_hand();
    struct node **held = hapax_alloc(MANY * sizeof *held);
    make_with_arguments(held);
    collect();
    collect();
    cr_assert_eq(hapax_run_cleanups(), 0u);
    memset(held, 0, MANY * sizeof *held);
    collect();
    collect();
    cr_assert_eq(times_ran[0], 0u);
    cr_assert_geq(hapax_run_cleanups(), (size_t)MOST(MANY));
    cr_assert_eq(times_ran[0], 0u);
    collect();
    hapax_run_cleanups();
    cr_assert_geq(times_ran[0], MOST(MANY));
    hapax_keep_alive(held);
}

Test(finalizer, lets_its_argument_go_when_removed)
{
    struct node **held = hapax_alloc(MANY * sizeof *held);
    make_with_arguments(held);
    for (unsigned i = 0; i < MANY; i++)
        set(held[i], NULL, NULL);
    collect_all();
    cr_assert_geq(times_ran[0], MOST(MANY));
    cr_assert_eq(ran, 0u);
    hapax_keep_alive(held);
}

/* Plain memory would not keep weak pointers. */
struct weaks {
    hapax_weak object[MANY], inside[MANY], child[MANY];
    hapax_weak string[MANY];
};

static void intern_number(unsigned number, hapax_handle *handle)
{
    char text[32];
    int length = snprintf(text, sizeof text, "value %u", number);
    *handle = hapax_make_handle(hapax_strings(), text, (size_t)length);
    cr_assert_not_null(*handle);
}

static atomic_uint wrong;

static void check_reached(void *object, void *arg)
{
    struct node *node = object;
    struct weaks *weaks = arg;
    hapax_handle again;
    intern_number(node->number, &again);
    if (again != node->handle || hapax_weak_value(weaks->child[node->number]) != node->other ||
        hapax_weak_value(weaks->object[node->number]) != NULL ||
        hapax_weak_value(weaks->inside[node->number]) != NULL)
        atomic_fetch_add(&wrong, 1u);
    /* A new one has an identity of its own. */
    hapax_weak fresh = hapax_weak_make(node);
    if (fresh == weaks->object[node->number] || hapax_weak_value(fresh) != node)
        atomic_fetch_add(&wrong, 1u);
    resurrect(object, NULL);
}

static NOINLINE void make_watched(struct weaks *weaks)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = new_node(i);
        node->other = new_node(i);
        intern_number(i, &node->handle);
        weaks->object[i] = hapax_weak_make(node);
        weaks->inside[i] = hapax_weak_make(&node->number);
        weaks->child[i] = hapax_weak_make(node->other);
        weaks->string[i] = hapax_weak_make(node->handle);
        set(node, check_reached, weaks);
    }
}

static NOINLINE unsigned count_null(hapax_weak *weaks)
{
    unsigned null = 0;
    for (unsigned i = 0; i < MANY; i++)
        null += hapax_weak_value(weaks[i]) == NULL;
    return null;
}

Test(finalizer, what_waits_is_gone_for_weak_pointers_and_what_it_reaches_is_not)
{
    drain_by_hand();
    struct weaks *weaks = hapax_alloc(sizeof *weaks);
    make_watched(weaks);
    collect();
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_geq(count_null(weaks->object), MOST(MANY));
        cr_assert_eq(count_null(weaks->object), count_null(weaks->inside));
        cr_assert_eq(count_null(weaks->child), 0u);
        cr_assert_eq(count_null(weaks->string), 0u);
        collect();
    }
    hapax_run_cleanups();
    cr_assert_geq(ran, MOST(MANY));
    cr_assert_eq(wrong, 0u);
    /* Back among the living, but not for those who held it before. */
    collect();
    cr_assert_geq(count_null(weaks->object), MOST(MANY));
    cr_assert_eq(count_null(weaks->child), 0u);
    let_them_go();
    collect();
    collect();
    cr_assert_geq(count_null(weaks->child), MOST(MANY));
    cr_assert_geq(count_null(weaks->string), MOST(MANY));
    hapax_keep_alive(weaks);
}

static NOINLINE void make_with_cleanups(void (*fn)(void *, void *))
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = new_node(i);
        cr_assert_eq(hapax_add_cleanup(node, count_one, &cleaned, NULL), 0);
        set(node, fn, NULL);
    }
}

Test(finalizer, cleanups_wait_until_the_object_dies_for_good)
{
    drain_by_hand();
    make_with_cleanups(resurrect);
    collect();
    collect();
    cr_assert_eq(cleaned, 0u);
    hapax_run_cleanups();
    cr_assert_geq(ran, MOST(MANY));
    collect();
    hapax_run_cleanups();
    cr_assert_leq(cleaned, MANY - ran);
    let_them_go();
    collect();
    hapax_run_cleanups();
    cr_assert_geq(cleaned, MOST(MANY));
}

static atomic_uint foreign_ran;

/* A table or a map may have one too: what it holds lives on with it. */
static void use_table(void *object, void *arg)
{
    (void)arg;
    if (hapax_find_handle(object, "some value", 10) == NULL)
        atomic_fetch_add(&wrong, 1u);
    atomic_fetch_add(&ran, 1u);
}

static NOINLINE void make_tables(void)
{
    for (unsigned i = 0; i < 100; i++) {
        hapax_table *table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
        cr_assert_not_null(hapax_make_handle(table, "some value", 10));
        set(table, use_table, NULL);
    }
}

Test(finalizer, on_a_table_finds_the_table_whole)
{
    make_tables();
    collect_all();
    cr_assert_geq(ran, MOST(100));
    cr_assert_eq(wrong, 0u);
}

/* ---- Beside the collector's own finalizers ---- */

static struct node *foreign_back[MANY];

static void GC_CALLBACK foreign(void *object, void *data)
{
    (void)data;
    struct node *node = object;
    /* What it reaches has not been finalized yet. */
    if (node->other != NULL && times_ran[node->other->number] != 0)
        atomic_fetch_add(&wrong, 1u);
    foreign_back[node->number] = node;
    atomic_fetch_add(&foreign_ran, 1u);
}

static NOINLINE void make_foreign(bool ordered, struct weaks *weaks)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = new_node(i), *reached = new_node(i);
        node->other = reached;
        set(reached, note_number, &arguments[i]);
        weaks->object[i] = hapax_weak_make(reached);
        if (ordered)
            GC_register_finalizer(node, foreign, NULL, NULL, NULL);
        else
            GC_register_finalizer_no_order(node, foreign, NULL, NULL, NULL);
    }
}

static void wait_for_what_a_foreign_finalizer_reaches(bool ordered)
{
    struct weaks *weaks = hapax_alloc(sizeof *weaks);
    cr_assert_eq(hapax_init(), 0);
    GC_set_finalize_on_demand(1);
    grow_finalizer_table(MANY);
    make_foreign(ordered, weaks);
    collect_all();
    /* The foreign ones wait, and keep what they reach. */
    cr_assert_eq(ran, 0u);
    cr_assert_eq(count_null(weaks->object), 0u);
    GC_invoke_finalizers();
    cr_assert_geq(foreign_ran, MOST(MANY));
    cr_assert_eq(wrong, 0u);
    collect_all();
    /* They brought their objects back: as if nothing had been. */
    cr_assert_leq(ran, MANY - foreign_ran);
    cr_assert_geq(MANY - count_null(weaks->object), foreign_ran);
    /* The collector's own table of finalizers may hold on to the foreign objects themselves. */
    for (unsigned i = 0; i < MANY; i++)
        if (foreign_back[i] != NULL)
            foreign_back[i]->other = NULL;
    collect_all();
    cr_assert_geq(ran, MOST(MANY));
    hapax_keep_alive(weaks);
}

Test(finalizer, waits_for_foreign_finalizers_in_order)
{
    wait_for_what_a_foreign_finalizer_reaches(true);
}

Test(finalizer, waits_for_foreign_finalizers_without_order)
{
    wait_for_what_a_foreign_finalizer_reaches(false);
}

static NOINLINE void make_both_kinds(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        set(new_node(i), count, NULL);
        GC_register_finalizer(new_node(i), foreign, NULL, NULL, NULL);
    }
}

Test(finalizer, runs_beside_foreign_ones_that_do_not_reach_it)
{
    cr_assert_eq(hapax_init(), 0);
    grow_finalizer_table(MANY);
    make_both_kinds();
    collect_all();
    GC_invoke_finalizers();
    cr_assert_geq(ran, MOST(MANY));
    cr_assert_geq(foreign_ran, MOST(MANY));
}
