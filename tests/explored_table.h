/* SPDX-License-Identifier: MIT */
/* What the programs that explore tables share: a table whose hash is the test's, and what is held of it. */
#ifndef TESTS_EXPLORED_TABLE_H
#define TESTS_EXPLORED_TABLE_H

#include "collector/collector.h"
#include "explore.h"
#include "scripted_collector.h"
#include "values/table.h"
#include "trie_check.h"

#include <hapax.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

enum { SLOTS = 40 };

static struct hapax_table *table;
static struct trie *trie;
static uintptr_t hidden_box;

/* Root memory: what is held beside the threads' own frames. */
static struct roots {
    hapax_table *table;
    hapax_handle handles[SLOTS];
    struct box *back;
} *roots;

struct box {
    hapax_handle handle;
};

/* ---- Values: the hash is the test's ---- */

/* Doublings of the root before anything counts; and where it stands then: 1 line in the trie itself; 2 of the
 * collector's; 4 with more stripes, in a region. */
static unsigned doublings;
enum { OWN, COLLECTED, REGION };

/* In line 0, or where it is split once more, by the last bit; each with a tag and a favourite of its own. */
static inline uint64_t hash_of(unsigned value)
{
    return (uint64_t)(2 * value + 1) << 48 | (uint64_t)(value % 8) << 45 | (uint64_t)(value & 1) << doublings;
}

static inline hapax_handle intern(unsigned value)
{
    return hapax_make_handle_hashed(table, &value, sizeof value, hash_of(value));
}

static inline void must_be(hapax_handle handle, unsigned value)
{
    unsigned stored = 0;
    MUST(handle != NULL, "value %u: no handle", value);
    MUST(script_is_object(handle), "value %u: the handle is no object", value);
    memcpy(&stored, hapax_handle_value(handle), sizeof stored);
    MUST(stored == value, "value %u: reads %#x", value, stored);
}

static NOINLINE void hold(unsigned slot, unsigned value)
{
    hapax_handle handle = intern(value);
    must_be(handle, value);
    roots->handles[slot] = handle;
}

/* That a value held in the slot of its number is found. */
static inline void find_held(unsigned value)
{
    hapax_handle handle = intern(value);
    MUST(handle == roots->handles[value], "value %u: %p, but %p is held", value, (void *)handle,
         (void *)roots->handles[value]);
    must_be(handle, value);
}

static NOINLINE void mention(unsigned value)
{
    (void)intern(value);
}

/* ---- Before and after ---- */

static inline void new_table(void)
{
    if (roots == NULL)
        roots = collector_alloc_root(sizeof *roots);
    memset(roots, 0, sizeof *roots);
    doublings = OWN;
    table = roots->table = hapax_table_new(NULL, 0);
    trie = &table->set.trie;
    /* In each run the same one: several are taken in the order of their addresses. */
    trie->stripe = 0;
}

static inline void split_all(void)
{
    while (trie_help(trie, 0) || trie_help(trie, 1))
        ;
}

static inline void new_table_with(unsigned times)
{
    new_table();
    doublings = times;
    for (unsigned i = 0; i < times; i++) {
        trie_consider_growth(trie, 1000);
        split_all();
    }
    MUST(load_relaxed(&trie->level) == times && !trie_wants_help(trie), "a root of 2^%u lines",
         load_relaxed(&trie->level));
}

static inline void must_be_well_formed(void)
{
    struct trie_walk walk;
    const char *error = trie_check_registry(trie, table->set.registry, &walk);
    MUST(error == NULL, "%s", error);
    MUST(walk.tentative == 0, "%u words are in doubt for ever", (unsigned)walk.tentative);
}

static inline unsigned count_held(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        bool again = false;
        for (unsigned j = 0; j < i; j++)
            again |= roots->handles[i] == roots->handles[j];
        count += roots->handles[i] != NULL && !again;
    }
    return count;
}

static inline void must_be_live(unsigned count)
{
    uint64_t live = registry_count(table->set.registry);
    MUST(live == count, "%u values live, %u should", (unsigned)live, count);
}

/* All is in order; exactly what is held survives the next collection; then nothing does. */
static inline void end(void)
{
    must_be_well_formed();
    for (unsigned i = 0; i < SLOTS; i++)
        if (roots->handles[i] != NULL) {
            unsigned value;
            memcpy(&value, hapax_handle_value(roots->handles[i]), sizeof value);
            must_be(roots->handles[i], value);
            MUST(intern(value) == roots->handles[i], "value %u has two handles", value);
        }
    hapax_collect();
    must_be_well_formed();
    must_be_live(count_held());
    memset(roots->handles, 0, sizeof roots->handles);
    roots->back = NULL;
    hapax_collect();
    must_be_well_formed();
    must_be_live(0);
    roots->table = NULL;
    hapax_collect();
}

static inline void collects(void)
{
    hapax_collect();
}

/* ---- A full line ---- */

enum { WORDS = LINE_WORDS };

/* A full line whose last entry is held as the test says; the favourite of value i is word i. */
static inline void fill_line(unsigned where, bool hold_last)
{
    new_table_with(where);
    for (unsigned i = 0; i < WORDS - 1; i++)
        hold(i, i);
    if (hold_last)
        hold(WORDS - 1, WORDS - 1);
    else
        mention(WORDS - 1);
}

static inline void holds_one_more(void)
{
    hold(8, 8);
}

static inline void finds_the_last(void)
{
    find_held(WORDS - 1);
    find_held(WORDS - 1);
}

static inline void holds_the_last(void)
{
    hold(WORDS - 1, WORDS - 1);
}

#endif
