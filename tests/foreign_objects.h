/* SPDX-License-Identifier: MIT */
/* What the suites of programs with a collector of their own share. */
#ifndef TESTS_FOREIGN_OBJECTS_H
#define TESTS_FOREIGN_OBJECTS_H

#include "finalizer_table.h"
#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static inline void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(foreign, .init = start, .timeout = 60);
/* These start the collector themselves. */
TestSuite(foreign_start, .timeout = 60);

static inline void must(bool well)
{
    if (!well)
        abort();
}

static hapax_weak weak[MANY], again[MANY];
static void *held[MANY];
static atomic_int finalized[MANY], cleaned[MANY], cleaned_too_early;

struct node {
    size_t number;
    struct node *next;
    hapax_handle handle;
};

static inline void clean(void *number)
{
    size_t i = (uintptr_t)number;
    atomic_fetch_add(&cleaned[i], 1);
    /* It waits until the object has been finalized and dies for good. */
    if (atomic_load(&finalized[i]) == 0)
        atomic_fetch_add(&cleaned_too_early, 1);
}

static inline size_t sum(atomic_int *counters)
{
    size_t total = 0;
    for (size_t i = 0; i < MANY; i++)
        total += (size_t)atomic_load(&counters[i]);
    return total;
}

/* ---- Finalizers ---- */

static void *brought_back[MANY];

static inline void GC_CALLBACK bring_back_elsewhere(void *object, void *unused)
{
    struct node *node = object;
    (void)unused;
    brought_back[node->number] = node;
}

static inline void GC_CALLBACK bring_back(void *object, void *unused)
{
    struct node *node = object;
    (void)unused;
    held[node->number] = node;
    atomic_fetch_add(&finalized[node->number], 1);
}

typedef void register_finalizer(void *, GC_finalization_proc, void *, GC_finalization_proc *, void **);

static register_finalizer *registering;
static GC_finalization_proc finalizer;

static inline void make_finalizable(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "reached by %zu", i);
    struct node *node = hapax_alloc(sizeof *node);
    node->number = i;
    node->next = hapax_alloc(sizeof *node);
    node->handle = hapax_intern(text);
    weak[i] = hapax_weak_make(node);
    again[i] = hapax_weak_make(node->next);
    must(hapax_add_cleanup(node, clean, (void *)(uintptr_t)i, NULL) == 0);
    registering(node, finalizer, NULL, NULL, NULL);
}

/* The collector invokes finalizers inside of allocations. */
static inline void collect_and_finalize(void)
{
    collect();
    GC_invoke_finalizers();
    must(hapax_wait_cleanups(FOR_EVER));
}

static inline void resurrect(register_finalizer *variant)
{
    grow_finalizer_table(MANY);
    registering = variant;
    finalizer = bring_back;
    make_each(MANY, make_finalizable);
    collect_and_finalize();
    cr_assert_geq(sum(finalized), MOST);
    /* Alive as if nothing had been. */
    for (size_t i = 0; i < MANY; i++) {
        if (held[i] == NULL)
            continue;
        cr_assert_eq(hapax_weak_value(weak[i]), held[i]);
        cr_assert_eq(hapax_weak_make(held[i]), weak[i]);
        struct node *node = held[i];
        cr_assert_eq(hapax_weak_value(again[i]), node->next);
    }
    cr_assert_eq(sum(cleaned), 0);
    collect_and_finalize();
    for (size_t i = 0; i < MANY; i++)
        cr_assert(held[i] == NULL || hapax_weak_value(weak[i]) == held[i]);
    cr_assert_eq(sum(cleaned), 0);
    /* And then it dies for good. */
    memset(held, 0, sizeof held);
    collect_and_finalize();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_geq(count_dead(again, MANY), MOST);
    cr_assert_geq(sum(cleaned), MOST);
    cr_assert_eq(atomic_load(&cleaned_too_early), 0);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(atomic_load(&cleaned[i]) <= 1 && atomic_load(&finalized[i]) <= 1);
}

/* ---- A little of everything ---- */

static hapax_handle handles[MANY];

static inline void make_one(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "one of many, %zu", i);
    hapax_handle handle = hapax_intern(text);
    handles[i] = i % 2 ? handle : NULL;
    weak[i] = hapax_weak_make(handle);
    atomic_store(&finalized[i], 1);
    must(hapax_add_cleanup(hapax_alloc(32), clean, (void *)(uintptr_t)i, NULL) == 0);
    held[i] = i % 2 ? hapax_alloc(24) : NULL;
    again[i] = i % 2 ? hapax_weak_make(held[i]) : hapax_weak_make(hapax_alloc(24));
}

static inline int everything_works(void)
{
    memset(cleaned, 0, sizeof cleaned);
    make_each(MANY, make_one);
    for (int round = 0; round < 2; round++) {
        collect();
        CHECK(hapax_wait_cleanups(FOR_EVER));
    }
    size_t dead = 0;
    for (size_t i = 0; i < MANY; i++)
        if (i % 2) {
            CHECK(hapax_weak_value(weak[i]) == handles[i] && hapax_weak_value(again[i]) == held[i]);
        } else {
            dead += hapax_weak_value(weak[i]) == NULL;
            dead += hapax_weak_value(again[i]) == NULL;
        }
    CHECK(dead >= MOST);
    CHECK(sum(cleaned) >= MOST);
    CHECK(hapax_intern("one of many, 501") == handles[501]);
    return 0;
}

/* ---- Collections that are given up ---- */

static inline void look_at_nothing(void *unused)
{
    (void)unused;
}

static inline void finalize_nothing(void *object, void *argument)
{
    (void)object;
    (void)argument;
}

static void **out_of_sight;     /* in a root range */

#endif
