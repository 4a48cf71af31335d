/* SPDX-License-Identifier: MIT */
/* Programs that use the collector beside the library: their finalizers. */
#include "config.h"

#include "foreign_objects.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <stdatomic.h>
#include <string.h>

/* ---- Finalizers ---- */

static void GC_CALLBACK let_go(void *object, void *unused)
{
    struct node *node = object;
    (void)unused;
    atomic_fetch_add(&finalized[node->number], 1);
}

Test(foreign, resurrecting_finalizer)
{
    resurrect(GC_register_finalizer);
}

Test(foreign, resurrecting_finalizer_ignore_self)
{
    resurrect(GC_register_finalizer_ignore_self);
}

Test(foreign, resurrecting_finalizer_no_order)
{
    resurrect(GC_register_finalizer_no_order);
}

Test(foreign, resurrecting_finalizer_unreachable)
{
    resurrect(GC_register_finalizer_unreachable);
}

static void wait_to_be_finalized(register_finalizer *variant)
{
    grow_finalizer_table(MANY);
    registering = variant;
    finalizer = let_go;
    /* The program says when finalizers run: until then, their objects wait. */
    GC_set_finalize_on_demand(1);
    make_each(MANY, make_finalizable);
    for (int round = 0; round < 3; round++) {
        collect();
        must(hapax_wait_cleanups(FOR_EVER));
        cr_assert_eq(count_dead(weak, MANY), 0);
        cr_assert_eq(count_dead(again, MANY), 0);
        cr_assert_eq(sum(cleaned), 0);
        cr_assert_eq(sum(finalized), 0);
    }
    /* What they reach is alive, and its handles are canonical. */
    for (size_t i = 0; i < MANY; i += 100) {
        struct node *node = hapax_weak_value(weak[i]);
        char text[40];
        snprintf(text, sizeof text, "reached by %zu", i);
        cr_assert_eq(hapax_find_handle(hapax_strings(), text, strlen(text)), node->handle);
        cr_assert_str_eq(hapax_handle_value(node->handle), text);
    }
    GC_invoke_finalizers();
    cr_assert_geq(sum(finalized), MOST);
    collect();
    must(hapax_wait_cleanups(FOR_EVER));
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_geq(sum(cleaned), MOST);
    cr_assert_eq(atomic_load(&cleaned_too_early), 0);
}

Test(foreign, cleanups_wait_for_a_finalizer)
{
    wait_to_be_finalized(GC_register_finalizer);
}

Test(foreign, cleanups_wait_for_a_finalizer_no_order)
{
    wait_to_be_finalized(GC_register_finalizer_no_order);
}

/* One that finalizes itself anew, three times in all. */
enum { TIMES = 3 };

static void GC_CALLBACK set_again(void *object, void *unused)
{
    struct node *node = object;
    atomic_fetch_add(&finalized[node->number], 1);
    if (atomic_load(&finalized[node->number]) < TIMES)
        GC_register_finalizer(object, set_again, unused, NULL, NULL);
}

Test(foreign, a_finalizer_that_registers_itself_again)
{
    grow_finalizer_table(MANY);
    registering = GC_register_finalizer;
    finalizer = set_again;
    make_each(MANY, make_finalizable);
    for (int round = 0; round < TIMES + 1; round++) {
        for (size_t i = 0; i < MANY; i++) {
            cr_assert(atomic_load(&finalized[i]) == TIMES || hapax_weak_value(weak[i]) != NULL);
            cr_assert(atomic_load(&finalized[i]) == TIMES || atomic_load(&cleaned[i]) == 0);
        }
        collect_and_finalize();
    }
    cr_assert_geq(sum(finalized), TIMES * MOST);
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_geq(sum(cleaned), MOST);
}

/* A chain in which each finalizable object holds the next: one a collection, in order. */
enum { CHAIN = 5, CHAINS = MANY / CHAIN };
static atomic_int out_of_order;

static void GC_CALLBACK note_link(void *object, void *unused)
{
    struct node *node = object;
    size_t i = node->number;
    (void)unused;
    if (i % CHAIN != 0 && atomic_load(&finalized[i - 1]) == 0)
        atomic_fetch_add(&out_of_order, 1);
    atomic_fetch_add(&finalized[i], 1);
}

static void make_chain(size_t chain)
{
    struct node *next = NULL;
    for (size_t i = chain * CHAIN + CHAIN; i-- > chain * CHAIN;) {
        struct node *node = hapax_alloc(sizeof *node);
        node->number = i;
        node->next = next;
        weak[i] = hapax_weak_make(node);
        must(hapax_add_cleanup(node, clean, (void *)(uintptr_t)i, NULL) == 0);
        GC_register_finalizer(node, note_link, NULL, NULL, NULL);
        next = node;
    }
}

Test(foreign, ordered_finalizers_of_a_chain)
{
    make_each(CHAINS, make_chain);
    for (int round = 0; round < CHAIN; round++) {
        /* A static of the collector's holds the first object of its newest piece of heap, which may be its table of
         * finalizers, and with it many of the objects. */
        GC_expand_hp(1 << 20);
        collect_and_finalize();
        /* What waits behind those that were finalized is alive. */
        size_t waiting = 0;
        for (size_t i = 0; i < MANY; i++)
            waiting += atomic_load(&finalized[i]) == 0 && hapax_weak_value(weak[i]) == NULL;
        cr_assert_eq(waiting, 0);
    }
    collect_and_finalize();
    cr_assert_geq(sum(finalized), MOST);
    cr_assert_geq(sum(cleaned), MOST);
    cr_assert_eq(atomic_load(&out_of_order), 0);
    cr_assert_eq(atomic_load(&cleaned_too_early), 0);
}

/* The collector runs finalizers in the middle of whatever allocates: the library's own calls are entered again. */
static atomic_size_t inside_calls;

static void GC_CALLBACK use_the_library(void *object, void *number)
{
    char text[40];
    snprintf(text, sizeof text, "in a finalizer, %zu", (size_t)number);
    hapax_handle handle = hapax_intern(text);
    void *mine = hapax_alloc(24), *plain = hapax_alloc_plain(20);
    must(handle != NULL && hapax_intern(text) == handle && strcmp(hapax_handle_value(handle), text) == 0);
    must(hapax_weak_value(hapax_weak_make(mine)) == mine && hapax_weak_make(plain) != NULL);
    must(hapax_add_cleanup(mine, clean, NULL, NULL) == 0);
    must(hapax_pin(object) == 0);
    hapax_unpin(object);
    atomic_fetch_add(&inside_calls, 1);
}

static void make_using(size_t i)
{
    GC_register_finalizer_no_order(GC_MALLOC(32), use_the_library, (void *)i, NULL, NULL);
}

Test(foreign, finalizers_may_call_the_library)
{
    for (int round = 0; round < 20; round++) {
        make_each(MANY, make_using);
        hapax_collect();
        for (size_t i = 0; i < MANY; i++) {
            char text[40];
            snprintf(text, sizeof text, "outside, %zu", i);
            hapax_handle handle = hapax_intern(text);
            must(handle != NULL && strcmp(hapax_handle_value(handle), text) == 0 && hapax_intern(text) == handle);
            must(hapax_weak_make(hapax_alloc_plain(10)) != NULL);
        }
    }
    cr_assert_geq(atomic_load(&inside_calls), 20 * MOST);
}

/* Nothing else allocates here: what collections find then runs where cleanups get their memory. */
Test(foreign, finalizers_may_add_cleanups_amidst_adding)
{
    void *object = held[0] = hapax_alloc(32);
    int on_demand = GC_get_finalize_on_demand();
    make_each(MANY, make_using);
    /* However large the heap is. */
    GC_set_finalize_on_demand(1);
    collect();
    GC_set_finalize_on_demand(on_demand);
    for (size_t i = 0; i < 1000000 && atomic_load(&inside_calls) < MOST; i++)
        must(hapax_add_cleanup(object, clean, NULL, NULL) == 0);
    cr_assert_geq(atomic_load(&inside_calls), MOST);
}

static void count_notice(void)
{
}

Test(foreign_start, the_programs_finalizer_settings_are_left_alone)
{
    GC_INIT();
    int on_demand = GC_get_finalize_on_demand();
    GC_set_finalizer_notifier(count_notice);
    GC_oom_func oom = GC_get_oom_fn();
    cr_assert_eq(hapax_init(), 0);
    hapax_intern("x");
    hapax_weak_make(hapax_alloc(10));
    hapax_collect();
    cr_assert_eq(GC_get_finalize_on_demand(), on_demand);
    cr_assert_eq(GC_get_finalizer_notifier(), count_notice);
    cr_assert_eq(GC_get_oom_fn(), oom);
}
