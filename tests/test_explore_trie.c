/* SPDX-License-Identifier: MIT */
/* Tables under the explorer of interleavings: what the comments of src/trie/trie.h promise, in every order of few
 * steps. */
#include "config.h"

#include "explored_table.h"

#include <hapax.h>
#include <string.h>

/* ---- Inserting ---- */

static void holds_0_in_slot_1(void)
{
    hold(1, 0);
}

static void holds_0_in_slot_2(void)
{
    hold(2, 0);
}

static void holds_0_in_slot_3(void)
{
    hold(3, 0);
}

static void end_same(void)
{
    MUST(roots->handles[1] == roots->handles[2], "one value has two handles");
    MUST(roots->handles[3] == NULL || roots->handles[3] == roots->handles[1], "one value has two handles");
    end();
}

static const struct scenario insert_insert = {
    .name = "insert-insert", .preemptions = 2, .random_runs = 500,
    .begin = new_table, .threads = {holds_0_in_slot_1, holds_0_in_slot_2}, .end = end_same};

static const struct scenario insert_insert_insert = {
    .name = "insert-insert-insert", .preemptions = 1, .random_runs = 1500,
    .begin = new_table, .threads = {holds_0_in_slot_1, holds_0_in_slot_2, holds_0_in_slot_3}, .end = end_same};

/* ---- Inserting what is dying ---- */

static void with_0_unheld(void)
{
    new_table();
    mention(0);
}

static const struct scenario insert_evict = {
    .name = "insert-evict", .preemptions = 2, .random_runs = 500,
    .begin = with_0_unheld, .threads = {collects, holds_0_in_slot_1}, .end = end};

static const struct scenario insert_insert_evict = {
    .name = "insert-insert-evict", .preemptions = 1, .random_runs = 3000,
    .begin = with_0_unheld, .threads = {collects, holds_0_in_slot_1, holds_0_in_slot_2}, .end = end_same};

static void collects_twice(void)
{
    hapax_collect();
    hapax_collect();
}

/* Holds it for a while only. */
static NOINLINE void hold_for_a_moment(void)
{
    hapax_handle handle = intern(0);
    must_be(handle, 0);
    MUST(intern(0) == handle, "one value has two handles");
    must_be(handle, 0);
}

static void holds_0_again_and_again(void)
{
    hold_for_a_moment();
    hold_for_a_moment();
    hold(1, 0);
}

static const struct scenario insert_evict_insert = {
    .name = "insert-evict-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_0_unheld, .threads = {collects_twice, holds_0_again_and_again}, .end = end};

/* ---- Beside a collection that decides ---- */

/* Values that live, and some that die, in the same line. */
static void with_some_unheld(void)
{
    new_table_with(COLLECTED);
    for (unsigned i = 0; i < 4; i++)
        hold(i, i);
    mention(4);
    mention(5);
}

static void finds_those_that_live(void)
{
    for (unsigned i = 0; i < 4; i++)
        find_held(i);
}

static void end_without_waiting(void)
{
    MUST(load_relaxed(&trie->waited) == 0, "a lookup of a living value waited for a collection");
    end();
}

static const struct scenario find_decide = {
    .name = "find-decide", .preemptions = 2, .random_runs = 1000,
    .begin = with_some_unheld, .threads = {collects, finds_those_that_live}, .end = end_without_waiting};

static bool hold_visited(hapax_handle handle, void *unused)
{
    (void)unused;
    unsigned value;
    MUST(script_is_object(handle), "a visited handle is no object");
    memcpy(&value, hapax_handle_value(handle), sizeof value);
    MUST(value < 6, "visited %#x", value);
    MUST(roots->handles[value] == NULL || roots->handles[value] == handle, "value %u has two handles", value);
    roots->handles[value] = handle;
    return true;
}

static void holds_what_it_visits(void)
{
    MUST(hapax_table_each(table, hold_visited, NULL), "the visit came to no end");
}

static void holds_4_in_slot_4(void)
{
    hold(4, 4);
}

static const struct scenario iterate_decide = {
    .name = "iterate-decide", .preemptions = 2, .random_runs = 1000,
    .begin = with_some_unheld, .threads = {collects, holds_what_it_visits}, .end = end};

static const struct scenario iterate_decide_insert = {
    .name = "iterate-decide-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_some_unheld, .threads = {collects, holds_what_it_visits, holds_4_in_slot_4}, .end = end};

/* As around a fork: with all stripes owned, waits for the collection that runs. */
static void forks(void)
{
    registry_fork_prepare();
    trie_fork_prepare();
    world_lock();
    world_unlock();
    trie_fork_done();
    registry_fork_parent();
}

static const struct scenario fork_decide = {
    .name = "fork-decide-insert", .preemptions = 1, .random_runs = 1000,
    .begin = with_some_unheld, .threads = {collects, forks, holds_4_in_slot_4}, .end = end};

/* ---- What is brought back ---- */

static void with_0_in_a_lost_box(void)
{
    new_table();
    struct box *box = hapax_alloc(sizeof *box);
    box->handle = intern(0);
    hidden_box = ~(uintptr_t)box;
}

static void bring_the_box_back(void)
{
    struct box *box = (struct box *)~hidden_box;
    if (hidden_box == 0 || !script_is_doomed(box))
        return;
    hidden_box = 0;
    script_bring_back(box);
    roots->back = box;
}

static void end_with_the_box(void)
{
    MUST(roots->back != NULL, "the box was not brought back");
    MUST(roots->back->handle == roots->handles[1], "what was brought back is not canonical");
    end();
}

static const struct scenario insert_bring_back = {
    .name = "insert-bring-back", .preemptions = 2, .random_runs = 500,
    .begin = with_0_in_a_lost_box, .threads = {collects, holds_0_in_slot_1}, .end = end_with_the_box};

/* ---- Levels ---- */

static void with_a_full_line(void)
{
    fill_line(COLLECTED, true);
}

static void with_a_full_line_of_one_dying(void)
{
    fill_line(COLLECTED, false);
}

static const struct scenario overflow_find = {
    .name = "overflow-find", .preemptions = 2, .random_runs = 500,
    .begin = with_a_full_line, .threads = {holds_one_more, finds_the_last}, .end = end};

static const struct scenario overflow_evict = {
    .name = "overflow-evict", .preemptions = 2, .random_runs = 500,
    .begin = with_a_full_line_of_one_dying, .threads = {collects, holds_one_more}, .end = end};

static const struct scenario overflow_evict_insert = {
    .name = "overflow-evict-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_full_line_of_one_dying, .threads = {collects, holds_one_more, holds_the_last}, .end = end};

/* Nodes that die, and others below them, while somebody searches there. */
static void with_three_levels(void)
{
    fill_line(COLLECTED, true);
    for (unsigned i = WORDS; i < 16; i++)
        mention(i);
    hold(20, 20);
    hold(21, 21);
}

static void collects_and_inserts(void)
{
    hapax_collect();
    hold(30, 30);
}

static void finds_what_is_deepest(void)
{
    find_held(20);
    find_held(21);
}

static const struct scenario drop_node_find = {
    .name = "drop-node-find", .preemptions = 1, .random_runs = 2000,
    .begin = with_three_levels, .threads = {collects_and_inserts, finds_what_is_deepest}, .end = end};

/* ---- Iterating ---- */

enum { MANY = 700, HELD_OF_MANY = 30 };
static unsigned visits[HELD_OF_MANY];

/* More than a page of the registry, nearly all of it dying: what is held is moved together. */
static void with_many(void)
{
    new_table();
    for (unsigned i = 0; i < MANY; i++) {
        uint64_t hash = hash_of(i) | i % 64;
        hapax_handle handle = hapax_make_handle_hashed(table, &i, sizeof i, hash);
        if (i % 20 == 0 && i / 20 < HELD_OF_MANY)
            roots->handles[i / 20] = handle;
    }
    memset(visits, 0, sizeof visits);
}

static bool visit(hapax_handle handle, void *unused)
{
    (void)unused;
    unsigned value;
    memcpy(&value, hapax_handle_value(handle), sizeof value);
    MUST(value < MANY || value == 1000, "visited %#x", value);
    if (value % 20 == 0 && value / 20 < HELD_OF_MANY)
        visits[value / 20]++;
    return true;
}

static void iterates(void)
{
    hapax_table_each(table, visit, NULL);
}

static void holds_another(void)
{
    unsigned value = 1000;
    roots->handles[SLOTS - 1] = hapax_make_handle_hashed(table, &value, sizeof value, hash_of(value));
}

static void end_of_visits(void)
{
    for (unsigned i = 0; i < HELD_OF_MANY; i++)
        MUST(visits[i] == 1, "what was held throughout was visited %u times", visits[i]);
    must_be_well_formed();
    hapax_collect();
    must_be_well_formed();
    must_be_live(HELD_OF_MANY + 1);
    memset(roots, 0, sizeof *roots);
    hapax_collect();
}

static const struct scenario iterate_compact = {
    .name = "iterate-compact-insert", .preemptions = 0, .random_runs = 300,
    .begin = with_many, .threads = {collects_twice, iterates, holds_another}, .end = end_of_visits};

int main(int argc, char **argv)
{
    explore_begin(argc, argv);
    explore(&insert_insert);
    explore(&insert_insert_insert);
    explore(&insert_evict);
    explore(&insert_insert_evict);
    explore(&insert_evict_insert);
    explore(&find_decide);
    explore(&iterate_decide);
    explore(&iterate_decide_insert);
    explore(&fork_decide);
    script.between = bring_the_box_back;
    explore(&insert_bring_back);
    script.between = NULL;
    explore(&overflow_find);
    explore(&overflow_evict);
    explore(&overflow_evict_insert);
    explore(&drop_node_find);
    explore(&iterate_compact);
    return explore_end();
}
