/* SPDX-License-Identifier: MIT */
/* Weak pointers and weak maps under the explorer of interleavings. */
#include "config.h"

#include "explored_objects.h"
#include "trie_check.h"
#include "weak/cell.h"
#include "world.h"

#include <hapax.h>

static void collects(void)
{
    hapax_collect();
}

/* ---- Weak pointers ---- */

static void with_an_object(void)
{
    begin();
    roots->objects[0] = new_object(1);
}

static void makes_cell_0(void)
{
    roots->cells[0] = hapax_weak_make(roots->objects[0]);
}

static void makes_cell_1(void)
{
    roots->cells[1] = hapax_weak_make(roots->objects[0]);
}

static void end_with_one_cell(void)
{
    MUST(roots->cells[0] != NULL && roots->cells[0] == roots->cells[1], "an address has two weak pointers");
    MUST(hapax_weak_value(roots->cells[0]) == roots->objects[0], "a weak pointer lost its living object");
    MUST(cells() == 1, "one address has %u cells", (unsigned)cells());
    end();
}

static const struct scenario make_make = {
    .name = "weak-make-make", .preemptions = 2, .random_runs = 500,
    .begin = with_an_object, .threads = {makes_cell_0, makes_cell_1}, .end = end_with_one_cell};

static const struct scenario make_make_collect = {
    .name = "weak-make-make-collect", .preemptions = 1, .random_runs = 2000,
    .begin = with_an_object, .threads = {collects, makes_cell_0, makes_cell_1}, .end = end_with_one_cell};

static void with_an_object_held_weakly(void)
{
    begin();
    roots->cells[0] = hapax_weak_make(new_object(1));
}

static void end_of_taking(void)
{
    struct object *object = roots->objects[0];
    if (object != NULL) {
        must_be(object, 1);
        MUST(hapax_weak_value(roots->cells[0]) == object, "a weak pointer lost its living object");
        MUST(hapax_weak_make(object) == roots->cells[0], "a living address has another weak pointer");
        hapax_collect();
        must_be(object, 1);
        MUST(hapax_weak_value(roots->cells[0]) == object, "a weak pointer lost its living object");
        roots->objects[0] = NULL;
    }
    hapax_collect();
    MUST(hapax_weak_value(roots->cells[0]) == NULL, "a weak pointer outlives its object");
    end();
}

static const struct scenario value_collect = {
    .name = "weak-value-collect", .preemptions = 2, .random_runs = 1000,
    .begin = with_an_object_held_weakly, .threads = {collects, takes_the_value}, .end = end_of_taking};

/* A new object, most often where the old one was. */
static void makes_another(void)
{
    struct object *object = new_object(2);
    roots->objects[1] = object;
    roots->cells[1] = hapax_weak_make(object);
    MUST(roots->cells[1] != roots->cells[0], "a new object has an old weak pointer");
    MUST(hapax_weak_value(roots->cells[1]) == object, "a weak pointer does not give its object");
    must_be(object, 2);
}

static void collects_and_makes_another(void)
{
    hapax_collect();
    makes_another();
}

static void end_with_another(void)
{
    MUST(hapax_weak_value(roots->cells[1]) == roots->objects[1], "a weak pointer lost its living object");
    MUST(hapax_weak_make(roots->objects[1]) == roots->cells[1], "a living address has another weak pointer");
    must_be(roots->objects[1], 2);
    end_of_taking();
}

static const struct scenario address_again = {
    .name = "weak-address-again", .preemptions = 2, .random_runs = 1000,
    .begin = with_an_object_held_weakly, .threads = {collects_and_makes_another, takes_the_value},
    .end = end_with_another};

static const struct scenario address_again_collect = {
    .name = "weak-address-again-collect", .preemptions = 1, .random_runs = 2000,
    .begin = with_an_object_held_weakly, .threads = {collects, makes_another, takes_the_value},
    .end = end_with_another};

static void with_a_lost_box(void)
{
    begin();
    struct object *box = new_object(3);
    box->other = new_object(1);
    roots->cells[0] = hapax_weak_make(box->other);
    hidden_box = ~(uintptr_t)box;
}

static void must_have_the_value(void)
{
    takes_the_value();
    MUST(roots->objects[0] != NULL, "a weak pointer turned NULL for a moment");
}

static void end_with_the_box(void)
{
    MUST(hidden_box != 0 || roots->back != NULL, "the box was lost");
    if (roots->back != NULL)
        MUST(roots->back->other == roots->objects[0], "the weak pointer does not give what was brought back");
    hidden_box = 0;
    roots->back = NULL;
    end_of_taking();
}

static const struct scenario value_bring_back = {
    .name = "weak-value-bring-back", .preemptions = 2, .random_runs = 500,
    .begin = with_a_lost_box, .threads = {collects, must_have_the_value}, .end = end_with_the_box};

/* ---- Cells that move ---- */

/* Some of objects that live, and one of an object that dies: with more of those, a line would be left alone because of
 * the others. */
static void with_cells_to_split(void)
{
    begin();
    for (unsigned i = 1; i < 4; i++) {
        roots->objects[i] = new_object(i);
        (void)hapax_weak_make(roots->objects[i]);
    }
    (void)hapax_weak_make(new_object(4));
    trie_consider_growth(&load_acquire(&weak_cells)->trie, 1000);
}

static void splits_cells(void)
{
    struct trie *trie = &load_acquire(&weak_cells)->trie;
    for (unsigned i = 0; i < 4; i++)
        (void)trie_help(trie, i);
}

static void cells_must_be_well_formed(void)
{
    struct weak_set *set = load_acquire(&weak_cells);
    struct trie_walk walk;
    const char *error = trie_check_registry(&set->trie, set->registry, &walk);
    MUST(error == NULL, "%s", error);
    MUST(walk.tentative == 0, "%u words are in doubt for ever", (unsigned)walk.tentative);
}

static void end_of_split_cells(void)
{
    cells_must_be_well_formed();
    hapax_collect();
    cells_must_be_well_formed();
    MUST(hapax_weak_value(hapax_weak_make(roots->objects[2])) == roots->objects[2],
         "a weak pointer lost its living object");
    end();
}

static const struct scenario split_cells = {
    .name = "weak-split-evict", .preemptions = 2, .random_runs = 2000,
    .begin = with_cells_to_split, .threads = {collects, splits_cells}, .end = end_of_split_cells};

/* ---- Weak maps ---- */

static void with_a_map(void)
{
    begin();
    roots->map = hapax_weak_map_new();
    roots->objects[0] = new_object(0);
    struct object *dying = new_object(9);
    MUST(roots->map != NULL && hapax_weak_map_set(roots->map, roots->objects[0], new_object(1)) == 0 &&
             hapax_weak_map_set(roots->map, dying, dying) == 0,
         "no memory");
}

static void looks_up(void)
{
    for (unsigned i = 0; i < 2; i++) {
        struct object *value = hapax_weak_map_get(roots->map, roots->objects[0]);
        MUST(value != NULL, "a value is missing");
        must_be(value, value->number == 2 ? 2 : 1);
        roots->objects[1] = value;
    }
}

static void replaces(void)
{
    MUST(hapax_weak_map_set(roots->map, roots->objects[0], new_object(2)) == 0, "no memory");
}

static void end_with_a_map(void)
{
    struct object *value = hapax_weak_map_get(roots->map, roots->objects[0]);
    MUST(value != NULL, "a value is missing");
    must_be(value, 2);
    hapax_collect();
    must_be(hapax_weak_map_get(roots->map, roots->objects[0]), 2);
    end();
}

static const struct scenario map_get_set = {
    .name = "weak-map-get-set-collect", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_map, .threads = {collects, looks_up, replaces}, .end = end_with_a_map};

static unsigned visited[10];

/* A key that is visited lives until the visit is over, whatever a collection has found before. */
static bool must_stay(const void *key, void *value, void *context)
{
    const struct object *object = key;
    unsigned number = object->number == 9 ? 9 : 0;
    (void)context;
    must_be(object, number);
    for (unsigned i = 0; i < 4; i++) {
        world_pause();
        must_be(object, number);
    }
    must_be(value, number == 9 ? 9 : 1);
    MUST(++visited[number] == 1, "key %u is visited twice", number);
    return true;
}

static void visits(void)
{
    memset(visited, 0, sizeof visited);
    MUST(hapax_weak_map_each(roots->map, must_stay, NULL), "the visit came to no end");
    MUST(visited[0] == 1, "a key was not visited");
}

static const struct scenario map_each = {
    .name = "weak-map-each-collect", .preemptions = 2, .random_runs = 1000,
    .begin = with_a_map, .threads = {collects, visits}, .end = end};

int main(int argc, char **argv)
{
    explore_begin(argc, argv);
    explore(&make_make);
    explore(&make_make_collect);
    explore(&value_collect);
    explore(&address_again);
    explore(&address_again_collect);
    explore(&split_cells);
    explore(&map_get_set);
    explore(&map_each);
    script.between = bring_the_box_back;
    explore(&value_bring_back);
    return explore_end();
}
