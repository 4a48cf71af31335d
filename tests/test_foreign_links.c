/* SPDX-License-Identifier: MIT */
/* Programs that use the collector beside the library: their links and toggle references. */
#include "config.h"

#include "foreign_objects.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <stdatomic.h>
#include <string.h>

/* ---- Links ---- */

static void *links[MANY];       /* disguised: cleared by the collector, not searched */

/* Amid these, no object dies. If one did, bdwgc would free the record of its link, though an older copy of its table of
 * links still leads there; if one stale word leads to that copy, it holds whatever comes to lie where the record
 * was. */
static void make_each_at_once(size_t n, void (*make)(size_t))
{
    GC_disable();
    make_each(n, make);
    GC_enable();
}

static void make_linked_handle(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "linked %zu", i);
    hapax_handle handle = hapax_intern(text);
    weak[i] = hapax_weak_make(handle);
    links[i] = (void *)hide(handle);
    must(GC_general_register_disappearing_link(&links[i], (void *)(uintptr_t)handle) == GC_SUCCESS);
}

Test(foreign, handles_take_disappearing_links)
{
    make_each_at_once(MANY, make_linked_handle);
    collect();
    size_t gone = 0;
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(links[i] == NULL, hapax_weak_value(weak[i]) == NULL, "%zu", i);
        gone += links[i] == NULL;
    }
    cr_assert_geq(gone, MOST);
}

/* Short links are cleared before a finalizer runs, long ones when the object is gone for good, as our weak pointers
 * are, whatever was there first. */
static void *short_links[MANY], *long_links[MANY];
static bool ours_first;

static void make_ours(size_t i, struct node *node)
{
    weak[i] = hapax_weak_make(node);
    must(hapax_add_cleanup(node, clean, (void *)(uintptr_t)i, NULL) == 0);
}

static void make_with_links(size_t i)
{
    struct node *node = hapax_alloc(sizeof *node);
    node->number = i;
    if (ours_first)
        make_ours(i, node);
    GC_register_finalizer(node, bring_back, NULL, NULL, NULL);
    short_links[i] = long_links[i] = (void *)hide(node);
    must(GC_general_register_disappearing_link(&short_links[i], node) == GC_SUCCESS);
    must(GC_register_long_link(&long_links[i], node) == GC_SUCCESS);
    if (!ours_first)
        make_ours(i, node);
}

static void expect_agreement(size_t least_alive, size_t most_alive)
{
    size_t alive = 0;
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(long_links[i] == NULL, hapax_weak_value(weak[i]) == NULL, "%zu", i);
        alive += hapax_weak_value(weak[i]) != NULL;
    }
    cr_assert(least_alive <= alive && alive <= most_alive, "%zu", alive);
}

static void links_and_finalizers(bool first)
{
    ours_first = first;
    grow_finalizer_table(MANY);
    make_each_at_once(MANY, make_with_links);
    collect_and_finalize();
    cr_assert_geq(sum(finalized), MOST);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(short_links[i] == NULL, atomic_load(&finalized[i]) == 1, "%zu", i);
    expect_agreement(MANY, MANY);
    cr_assert_eq(sum(cleaned), 0);
    memset(held, 0, sizeof held);
    collect_and_finalize();
    expect_agreement(0, FEW);
    cr_assert_geq(sum(cleaned), MOST);
    cr_assert_eq(atomic_load(&cleaned_too_early), 0);
}

Test(foreign, links_and_a_finalizer_before_ours)
{
    links_and_finalizers(false);
}

Test(foreign, links_and_a_finalizer_after_ours)
{
    links_and_finalizers(true);
}

Test(foreign_start, java_finalization)
{
    /* Finalizable objects that others reach are finalized with them, in no order. */
    GC_INIT();
    GC_set_java_finalization(1);
    cr_assert_eq(hapax_init(), 0);
    resurrect(GC_register_finalizer_no_order);
}

static atomic_bool strong;

static GC_ToggleRefStatus GC_CALLBACK toggle(void *object)
{
    (void)object;
    return atomic_load(&strong) ? GC_TOGGLE_REF_STRONG : GC_TOGGLE_REF_DROP;
}

static void make_toggled(size_t i)
{
    void *object = hapax_alloc(32);
    weak[i] = hapax_weak_make(object);
    atomic_store(&finalized[i], 1);
    must(hapax_add_cleanup(object, clean, (void *)(uintptr_t)i, NULL) == 0);
    must(GC_toggleref_add(object, 1) == GC_SUCCESS);
}

Test(foreign, toggle_references_keep_alive_while_they_are_strong)
{
    atomic_store(&strong, true);
    GC_set_toggleref_func(toggle);
    make_each(MANY, make_toggled);
    for (int round = 0; round < 3; round++) {
        collect_and_finalize();
        cr_assert_eq(count_dead(weak, MANY), 0);
        cr_assert_eq(sum(cleaned), 0);
    }
    atomic_store(&strong, false);
    collect_and_finalize();
    collect_and_finalize();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_geq(sum(cleaned), MOST);
}
