/* SPDX-License-Identifier: MIT */
/* Tables that grow and shrink, under the explorer of interleavings. */
#include "config.h"

#include "explored_table.h"

#include <hapax.h>

/* ---- Outgrowing the first line ---- */

static void with_a_full_first_line(void)
{
    fill_line(OWN, true);
}

static void with_a_full_first_line_of_one_dying(void)
{
    fill_line(OWN, false);
}

static void holds_another_one_more(void)
{
    hold(9, 9);
}

static const struct scenario outgrow_find = {
    .name = "outgrow-find", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_full_first_line, .threads = {holds_one_more, finds_the_last}, .end = end};

static const struct scenario outgrow_outgrow = {
    .name = "outgrow-outgrow", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_full_first_line, .threads = {holds_one_more, holds_another_one_more}, .end = end};

static const struct scenario outgrow_evict_insert = {
    .name = "outgrow-evict-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_full_first_line_of_one_dying, .threads = {collects, holds_one_more, holds_the_last}, .end = end};

/* ---- Splitting ---- */

static void some_to_split(unsigned where)
{
    new_table_with(where);
    for (unsigned i = 0; i < 4; i++)
        hold(i, i);
    mention(4);
    mention(5);
}

static void begin_splitting(void)
{
    trie_consider_growth(trie, 1000);
    MUST(trie_wants_help(trie), "nothing grows");
}

/* Into more stripes, and out of collected memory. */
static void with_a_split_to_come(void)
{
    some_to_split(COLLECTED);
    begin_splitting();
}

static void with_a_split_in_place_to_come(void)
{
    some_to_split(REGION);
    begin_splitting();
}

static void splits(void)
{
    (void)trie_help(trie, 0);
}

/* Lines of one stripe, and lines of another. */
static void splits_all(void)
{
    split_all();
}

static void begins_to_split(void)
{
    trie_consider_growth(trie, 1000);
    split_all();
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

static const struct scenario split_split_insert = {
    .name = "split-split-insert", .preemptions = 0, .random_runs = 2000,
    .begin = with_a_split_to_come, .threads = {splits_all, splits_all, holds_two_more}, .end = end};

static const struct scenario split_evict = {
    .name = "split-evict", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_split_to_come, .threads = {collects, splits}, .end = end};

static const struct scenario split_evict_insert = {
    .name = "split-evict-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_split_to_come, .threads = {collects, splits, holds_the_dying}, .end = end};

static const struct scenario split_in_place_find = {
    .name = "split-in-place-find", .preemptions = 1, .random_runs = 1000,
    .begin = with_a_split_in_place_to_come, .threads = {splits, finds_all}, .end = end};

static const struct scenario split_in_place_evict_insert = {
    .name = "split-in-place-evict-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_split_in_place_to_come, .threads = {collects, splits, holds_the_dying}, .end = end};

/* A search that begins under the only stripe, and an insert that ends under one of more. */
static void some_to_split_later(void)
{
    some_to_split(COLLECTED);
}

static const struct scenario give_stripes = {
    .name = "give-stripes-insert", .preemptions = 1, .random_runs = 2000,
    .begin = some_to_split_later, .threads = {begins_to_split, holds_two_more}, .end = end};

/* Of the stripe that the trie does not have yet. */
static NOINLINE void hold_another_stripes(unsigned slot)
{
    unsigned value = 9;
    hapax_handle handle = hapax_make_handle_hashed(table, &value, sizeof value, hash_of(value) | 1);
    must_be(handle, value);
    roots->handles[slot] = handle;
}

static void holds_another_stripes_in_10(void)
{
    hold_another_stripes(10);
}

static void holds_another_stripes_in_11(void)
{
    hold_another_stripes(11);
}

static void end_of_another_stripe(void)
{
    MUST(roots->handles[10] == roots->handles[11], "one value has two handles");
    roots->handles[10] = roots->handles[11] = NULL;
    end();
}

static const struct scenario give_stripes_insert_insert = {
    .name = "give-stripes-insert-insert",
    .preemptions = 1,
    .random_runs = 4000,
    .begin = some_to_split_later,
    .threads = {begins_to_split, holds_another_stripes_in_10, holds_another_stripes_in_11},
    .end = end_of_another_stripe};

static void holds_0_to_3_again(void)
{
    for (unsigned i = 0; i < 4; i++)
        hold(10 + i, i);
}

/* The next level begins when all have done with this one. */
static void splits_twice(void)
{
    split_all();
    begins_to_split();
}

static const struct scenario split_twice = {
    .name = "split-twice-insert", .preemptions = 0, .random_runs = 3000,
    .begin = with_a_split_to_come, .threads = {splits_twice, begins_to_split, holds_0_to_3_again}, .end = end};

/* Lines with others below them, into which more is poured. */
static void much_to_split(unsigned where)
{
    new_table_with(where);
    for (unsigned i = 0; i < 20; i++) {
        if (i % 4 == 3)
            mention(i);
        else
            hold(i, i);
    }
    split_all();
}

static void with_a_split_of_levels(void)
{
    much_to_split(REGION);
    trie_consider_growth(trie, 1000);
}

static void with_levels_to_move_out(void)
{
    much_to_split(COLLECTED);
    trie_consider_growth(trie, 1000);
}

static void finds_some_of_them(void)
{
    find_held(0);
    find_held(17);
    find_held(18);
}

static const struct scenario split_levels = {
    .name = "split-levels-evict-find", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_split_of_levels, .threads = {collects, splits, finds_some_of_them}, .end = end};

static const struct scenario move_out_levels = {
    .name = "move-out-levels-evict-find", .preemptions = 1, .random_runs = 2000,
    .begin = with_levels_to_move_out, .threads = {collects, splits, finds_some_of_them}, .end = end};

/* ---- Merging ---- */

static void with_a_merge_to_come(void)
{
    with_a_split_of_levels();
    split_all();
}

static void merges(void)
{
    trie_shrink(trie, 0);
}

static const struct scenario merge_find = {
    .name = "merge-find", .preemptions = 1, .random_runs = 1000,
    .begin = with_a_merge_to_come, .threads = {merges, finds_some_of_them}, .end = end};

static const struct scenario merge_evict = {
    .name = "merge-evict-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_merge_to_come, .threads = {collects, merges, holds_one_more}, .end = end};

static const struct scenario merge_split = {
    .name = "merge-split-insert", .preemptions = 0, .random_runs = 6000,
    .begin = with_a_merge_to_come, .threads = {merges, begins_to_split, holds_0_to_3_again}, .end = end};

static const struct scenario merge_merge = {
    .name = "merge-merge-find", .preemptions = 0, .random_runs = 2000,
    .begin = with_a_merge_to_come, .threads = {merges, merges, finds_some_of_them}, .end = end};

int main(int argc, char **argv)
{
    explore_begin(argc, argv);
    explore(&outgrow_find);
    explore(&outgrow_outgrow);
    explore(&outgrow_evict_insert);
    explore(&split_find);
    explore(&split_split_insert);
    explore(&split_evict);
    explore(&split_evict_insert);
    explore(&split_in_place_find);
    explore(&split_in_place_evict_insert);
    explore(&give_stripes);
    explore(&give_stripes_insert_insert);
    explore(&split_twice);
    explore(&split_levels);
    explore(&move_out_levels);
    explore(&merge_find);
    explore(&merge_evict);
    explore(&merge_split);
    explore(&merge_merge);
    return explore_end();
}
