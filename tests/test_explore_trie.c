/* Tables under the explorer of interleavings: what the comments of src/trie/trie.h promise, in every order of few steps. */
#include "config.h"

#include <hapax.h>

#include "collector/collector.h"
#include "explore.h"
#include "scripted_collector.h"
#include "values/table.h"
#include "trie_check.h"

#include <stdio.h>
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

/* In line 0, or where it has been split, by bit 6; each with a tag and a favourite of its own. */
static uint64_t hash_of(unsigned value)
{
    return (uint64_t)(2 * value + 1) << 48 | (uint64_t)(value % 8) << 45 | (uint64_t)(value & 1) << 6;
}

static hapax_handle intern(unsigned value)
{
    return hapax_make_handle_hashed(table, &value, sizeof value, hash_of(value));
}

static void must_be(hapax_handle handle, unsigned value)
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
static void find_held(unsigned value)
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

static void new_table(void)
{
    if (roots == NULL)
        roots = collector_alloc_root(sizeof *roots);
    memset(roots, 0, sizeof *roots);
    table = roots->table = hapax_table_new(NULL, 0);
    trie = &table->set.trie;
}

static void must_be_well_formed(void)
{
    struct trie_walk walk;
    const char *error = trie_check_registry(trie, table->set.registry, &walk);
    MUST(error == NULL, "%s", error);
    MUST(walk.tentative == 0, "%u words are in doubt for ever", (unsigned)walk.tentative);
}

static unsigned count_held(void)
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

static void must_be_live(unsigned count)
{
    uint64_t live = registry_count(table->set.registry);
    MUST(live == count, "%u values live, %u should", (unsigned)live, count);
}

/* All is in order; exactly what is held survives the next collection; then nothing does. */
static void end(void)
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

static void collects(void)
{
    hapax_collect();
}

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

/* ---- Chains ---- */

enum { WORDS = LINE_WORDS };

/* A full line whose last entry is held as the test says; the favourite of value i is word i. */
static void fill_line(bool hold_last)
{
    new_table();
    for (unsigned i = 0; i < WORDS - 1; i++)
        hold(i, i);
    if (hold_last)
        hold(WORDS - 1, WORDS - 1);
    else
        mention(WORDS - 1);
}

static void with_a_full_line(void)
{
    fill_line(true);
}

static void with_a_full_line_of_one_dying(void)
{
    fill_line(false);
}

static void holds_one_more(void)
{
    hold(8, 8);
}

static void finds_the_last(void)
{
    find_held(WORDS - 1);
    find_held(WORDS - 1);
}

static void holds_the_last(void)
{
    hold(WORDS - 1, WORDS - 1);
}

static const struct scenario append_find = {
    .name = "append-find", .preemptions = 2, .random_runs = 500,
    .begin = with_a_full_line, .threads = {holds_one_more, finds_the_last}, .end = end};

static const struct scenario append_evict = {
    .name = "append-evict", .preemptions = 2, .random_runs = 500,
    .begin = with_a_full_line_of_one_dying, .threads = {collects, holds_one_more}, .end = end};

static const struct scenario append_evict_insert = {
    .name = "append-evict-insert", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_full_line_of_one_dying, .threads = {collects, holds_one_more, holds_the_last}, .end = end};

/* A second line of the chain that dies, and whose entries are drawn up, while somebody searches behind it. */
static void with_three_lines(void)
{
    fill_line(true);
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

static void finds_the_end_of_the_chain(void)
{
    find_held(20);
    find_held(21);
}

static const struct scenario drop_line_find = {
    .name = "drop-line-find", .preemptions = 1, .random_runs = 2000,
    .begin = with_three_lines, .threads = {collects_and_inserts, finds_the_end_of_the_chain}, .end = end};

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
    script.between = bring_the_box_back;
    explore(&insert_bring_back);
    script.between = NULL;
    explore(&append_find);
    explore(&append_evict);
    explore(&append_evict_insert);
    explore(&drop_line_find);
    explore(&split_find);
    explore(&split_insert);
    explore(&split_evict);
    explore(&split_evict_insert);
    explore(&split_chain);
    explore(&merge_find);
    explore(&merge_evict);
    explore(&move_out_find);
    explore(&move_out_evict);
    explore(&iterate_compact);
    return explore_end();
}
