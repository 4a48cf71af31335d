/* SPDX-License-Identifier: MIT */
/* What the suites of finalizers share. */
#ifndef TESTS_FINALIZER_NODES_H
#define TESTS_FINALIZER_NODES_H

#include "dying.h"

#include <criterion/criterion.h>

enum { MANY = 1000 };
#ifdef HAPAX_HARD_TESTS
enum { SCALE = 100 };   /* collections come all the time there, and each goes over everything */
#else
enum { SCALE = 1 };
#endif

struct node {
    struct node *next, *other;
    hapax_handle handle;
    unsigned number;
};

static inline struct node *new_node(unsigned number)
{
    struct node *node = hapax_alloc(sizeof *node);
    cr_assert_not_null(node);
    node->number = number;
    return node;
}

static inline void set(void *object, void (*fn)(void *, void *), void *arg)
{
    cr_assert_eq(hapax_set_finalizer(object, fn, arg), 0);
}

static atomic_uint ran;

static inline void count(void *object, void *arg)
{
    (void)object, (void)arg;
    atomic_fetch_add(&ran, 1u);
}

static inline void drain_by_hand(void)
{
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
}

/* ---- Running ---- */

static atomic_uint times_ran[MANY];
static unsigned arguments[MANY];

static inline void note_number(void *object, void *arg)
{
    struct node *node = object;
    cr_assert_eq(node->number, (unsigned)((unsigned *)arg - arguments));
    atomic_fetch_add(&times_ran[node->number], 1u);
    atomic_fetch_add(&ran, 1u);
}

/* ---- Resurrection ---- */

/* By number; not a list, of which one stale pointer would keep much. */
static struct node *resurrected[MANY];

static inline void resurrect(void *object, void *arg)
{
    (void)arg;
    struct node *node = object;
    resurrected[node->number] = node;
    atomic_fetch_add(&ran, 1u);
}

static inline void let_them_go(void)
{
    memset(resurrected, 0, sizeof resurrected);
}

/* ---- What is kept ---- */

static atomic_uint cleaned;

#endif
