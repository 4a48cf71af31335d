/* SPDX-License-Identifier: MIT */
/* Weak pointers that are held longer than their objects live, from inside: src/weak/cell.c. */
#include "config.h"

#include "dying.h"

#include "weak/cell.h"
#include "weak/chunks.h"

#include <criterion/criterion.h>

enum { MANY = 2000 };

static hapax_weak *held;
static void *objects[MANY];

static NOINLINE void make(void)
{
    for (size_t i = 0; i < MANY; i++) {
        objects[i] = hapax_alloc(100);
        held[i] = hapax_weak_make(objects[i]);
        cr_assert_not_null(held[i]);
    }
}

static bool is_same(const void *object, const void *other)
{
    return object == other;
}

static NOINLINE unsigned count_dead(void)
{
    unsigned dead = 0;
    for (size_t i = 0; i < MANY; i++)
        dead += hapax_weak_value(held[i]) == NULL;
    return dead;
}

/* How many of them a search comes by. */
static NOINLINE unsigned count_in_the_way(void)
{
    struct trie *trie = &load_relaxed(&weak_cells)->trie;
    unsigned found = 0;
    for (size_t i = 0; i < MANY; i++) {
        uint64_t ticket;
        found += trie_find(trie, ((const struct trie_object *)held[i])->hash, is_same, held[i], &ticket) != NULL;
    }
    return found;
}

static NOINLINE void let_die(void)
{
    memset(objects, 0, sizeof objects);
    bury();
}

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
    held = hapax_alloc(MANY * sizeof *held);
    make();
    cr_assert_eq(count_in_the_way(), MANY);
}

TestSuite(cells, .init = start);

Test(cells, of_dead_objects_are_in_nobodys_way)
{
    let_die();
    collect();
    unsigned dead = count_dead();
    cr_assert_geq(dead, MOST(MANY));
    cr_expect_eq(count_in_the_way(), MANY - dead);
    /* They keep their identity all the same, and new ones are others. */
    static hapax_weak old[MANY];
    memcpy(old, held, sizeof old);
    make();
    for (size_t i = 0; i < MANY; i++)
        for (size_t j = i; j < i + 3 && j < MANY; j++)
            cr_assert_neq(held[i], old[j]);
}

/* Where no thread of the library's runs, and the program does not collect by itself. */
Test(cells, leave_as_others_come)
{
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    let_die();
    GC_gcollect();
    unsigned dead = count_dead();
    cr_assert_geq(dead, MOST(MANY));
    cr_expect_eq(count_in_the_way(), MANY);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_not_null(hapax_weak_make(hapax_alloc(10)));
    cr_expect_leq(count_in_the_way(), MANY - dead);
}

static uint64_t cells(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.weak_cells;
}

/* What is held by nobody any more leaves nothing behind, on whatever way it has left the trie. */
Test(cells, of_dead_objects_go_when_nobody_holds_them)
{
    uint64_t before = cells();
    let_die();
    collect();
    cr_expect_geq(cells(), before, "they are still held");
    memset(held, 0, MANY * sizeof *held);
    collect();
    cr_expect_leq(cells(), before - MOST(MANY));
}

Test(cells, of_dead_objects_go_while_they_wait_to_leave)
{
    uint64_t before = cells();
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    let_die();
    GC_gcollect();
    memset(held, 0, MANY * sizeof *held);
    bury();
    GC_gcollect();      /* they wait to leave the trie, so they stay */
    collect();
    collect();
    cr_expect_leq(cells(), before - MOST(MANY));
}

Test(cells, threads_write_to_lines_of_their_own)
{
    cr_assert_eq(hapax_init(), 0);
    enum { N = 2 * LARGE_FROM + 10 * MOST_WORDS };
    hapax_weak *all = hapax_alloc(N * sizeof *all);
    void **theirs = hapax_alloc(N * sizeof *theirs);
    for (size_t i = 0; i < N; i++) {
        theirs[i] = hapax_alloc(16);
        all[i] = hapax_weak_make(theirs[i]);
        cr_assert_not_null(all[i]);
    }
    unsigned large = 0;
    FOR_EACH_CHUNK(chunk, load_relaxed(&weak_cells)->registry)
    {
        large += chunk->has_page;
        cr_expect(!chunk->has_page || (uintptr_t)chunk % LINE_BYTES == 0, "a chunk of a page begins inside a line");
    }
    cr_expect_geq(large, 10);
    hapax_keep_alive(all);
    hapax_keep_alive(theirs);
}
