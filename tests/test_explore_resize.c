/* SPDX-License-Identifier: MIT */
/* Tables that grow and shrink, under the explorer of interleavings. */
#include "config.h"

#include "explored_table.h"

#include <hapax.h>

/* ---- Growing and shrinking ---- */

static void with_a_split_to_come(void)
{
    new_table();
    for (unsigned i = 0; i < 4; i++)
        hold(i, i);
    mention(4);
    mention(5);
    trie_consider_growth(trie, 1000);
    MUST(load_relaxed(&trie->resizing), "nothing grows");
}

static void splits(void)
{
    trie_help(trie);
}

static void finds_all(void)
{
    for (unsigned i = 0; i < 4; i++)
        find_held(i);
}

static void holds_two_more(void)
{
    hold(6, 6);
    hold(7, 7);
}

static void holds_the_dying(void)
{
    hold(4, 4);
    hold(5, 5);
}

static const struct scenario split_find = {
    .name = "split-find", .preemptions = 1, .random_runs = 1000,
    .begin = with_a_split_to_come, .threads = {splits, finds_all}, .end = end};

static const struct scenario split_insert = {
    .name = "split-insert", .preemptions = 1, .random_runs = 1000,
    .begin = with_a_split_to_come, .threads = {splits, holds_two_more}, .end = end};

static const struct scenario split_evict = {
    .name = "split-evict", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_split_to_come, .threads = {collects, splits}, .end = end};

static const struct scenario split_evict_insert = {
    .name = "split-evict-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_split_to_come, .threads = {collects, splits, holds_the_dying}, .end = end};

/* Both lines overflow, or one that is poured into. */
static void with_a_split_of_a_chain(void)
{
    new_table();
    for (unsigned i = 0; i < 20; i++) {
        if (i % 4 == 3)
            mention(i);
        else
            hold(i, i);
    }
    trie_consider_growth(trie, 1000);
}

static void finds_some_of_the_chain(void)
{
    find_held(0);
    find_held(17);
    find_held(18);
}

static const struct scenario split_chain = {
    .name = "split-chain-evict-find", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_split_of_a_chain, .threads = {collects, splits, finds_some_of_the_chain}, .end = end};

/* Half split, and told to go back. */
static void with_a_merge_to_come(void)
{
    with_a_split_of_a_chain();
    trie_help(trie);
    store_relaxed(&trie->resizing, false);
}

static void merges(void)
{
    trie_shrink(trie, 0);
}

static const struct scenario merge_find = {
    .name = "merge-find", .preemptions = 1, .random_runs = 1000,
    .begin = with_a_merge_to_come, .threads = {merges, finds_some_of_the_chain}, .end = end};

static const struct scenario merge_evict = {
    .name = "merge-evict-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_merge_to_come, .threads = {collects, merges, holds_one_more}, .end = end};

/* ---- Moving out of the first lines ---- */

static void with_a_move_to_come(void)
{
    new_table();
    for (unsigned i = 0; i < 10; i++) {
        if (i % 4 == 3)
            mention(i);
        else
            hold(i, i);
    }
}

static void moves_out(void)
{
    MUST(trie_make_room(trie), "no memory");
}

static void finds_and_inserts(void)
{
    find_held(0);
    find_held(9);
    hold(12, 12);
}

static const struct scenario move_out_find = {
    .name = "move-out-find-insert", .preemptions = 0, .random_runs = 500,
    .begin = with_a_move_to_come, .threads = {moves_out, finds_and_inserts}, .end = end};

static const struct scenario move_out_evict = {
    .name = "move-out-evict-insert", .preemptions = 0, .random_runs = 1000,
    .begin = with_a_move_to_come, .threads = {collects, moves_out, finds_and_inserts}, .end = end};

int main(int argc, char **argv)
{
    explore_begin(argc, argv);
    explore(&split_find);
    explore(&split_insert);
    explore(&split_evict);
    explore(&split_evict_insert);
    explore(&split_chain);
    explore(&merge_find);
    explore(&merge_evict);
    explore(&move_out_find);
    explore(&move_out_evict);
    return explore_end();
}
