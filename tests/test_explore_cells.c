/* Weak pointers, weak maps, cleanups and finalizers under the explorer of interleavings. */
#include "config.h"

#include <hapax.h>

#include "collector/collector.h"
#include "explore.h"
#include "scripted_collector.h"

#include <stdatomic.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

struct object {
    unsigned number;
    struct object *other;
};

/* Root memory. */
static struct roots {
    struct object *objects[4];
    hapax_weak cells[4];
    struct object *back;
    hapax_weak_map *map;
} *roots;

static uintptr_t hidden_box;        /* an object that leads to another, and is brought back once */

static void begin(void)
{
    if (roots == NULL)
        roots = collector_alloc_root(sizeof *roots);
    memset(roots, 0, sizeof *roots);
}

static NOINLINE struct object *new_object(unsigned number)
{
    struct object *object = hapax_alloc(sizeof *object);
    object->number = number;
    return object;
}

static void must_be(const struct object *object, unsigned number)
{
    MUST(script_is_object(object), "%p is no object", (const void *)object);
    MUST(object->number == number, "object %u reads %#x", number, object->number);
}

static void collects(void)
{
    hapax_collect();
}

static void bring_the_box_back(void)
{
    struct object *box = (struct object *)~hidden_box;
    if (hidden_box == 0 || !script_is_doomed(box))
        return;
    hidden_box = 0;
    script_bring_back(box);
    roots->back = box;
}

static uint64_t cells(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.weak_cells;
}

/* What nobody holds leaves nothing behind. A cell goes in the collection after its object's, once nobody holds it. */
static void end(void)
{
    memset(roots, 0, sizeof *roots);
    hapax_collect();
    hapax_run_cleanups();
    hapax_collect();
    hapax_collect();
    MUST(cells() == 0, "%u cells are left", (unsigned)cells());
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

static void takes_the_value(void)
{
    struct object *object = hapax_weak_value(roots->cells[0]);
    if (object == NULL)
        return;
    must_be(object, 1);
    MUST(hapax_weak_make(object) == roots->cells[0], "a living address has another weak pointer");
    must_be(object, 1);
    roots->objects[0] = object;
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

/* ---- Cleanups ---- */

static unsigned ran[4];
static atomic_bool dying;   /* a collection may have begun */
static atomic_bool stopped; /* before that; later it may have begun already, with its function not called yet */
static hapax_cleanup cleanups[4];

static void count_run(void *counter)
{
    MUST(!stopped || counter != &ran[0], "a cleanup began after it was stopped");
    ++*(unsigned *)counter;
}

static void add(unsigned i, const void *object)
{
    MUST(hapax_add_cleanup(object, count_run, &ran[i], &cleanups[i]) == 0, "no memory");
}

/* The records of a block are used last in, first out: lays them in order, so that each run finds the same ones. */
static void put_records_in_order(void)
{
    enum { RECORDS = 63 };
    hapax_cleanup all[RECORDS];
    struct object *object = new_object(0);
    for (unsigned i = 0; i < RECORDS; i++) {
        hapax_add_cleanup(object, count_run, NULL, &all[i]);
        for (unsigned j = i; j > 0 && (uintptr_t)all[j].record < (uintptr_t)all[j - 1].record; j--) {
            hapax_cleanup other = all[j];
            all[j] = all[j - 1];
            all[j - 1] = other;
        }
    }
    for (unsigned i = RECORDS; i-- > 0;)
        hapax_cleanup_stop(all[i]);
}

static void begin_cleanups(void)
{
    begin();
    put_records_in_order();
    memset(ran, 0, sizeof ran);
    memset(cleanups, 0, sizeof cleanups);
    dying = false;
    stopped = false;
}

static void must_count(uint64_t pending, uint64_t queued)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    MUST(stats.cleanups_pending == pending && stats.cleanups_queued == queued,
         "%u cleanups are pending and %u queued; %u and %u should be", (unsigned)stats.cleanups_pending,
         (unsigned)stats.cleanups_queued, (unsigned)pending, (unsigned)queued);
}

static void end_cleanups(void)
{
    memset(roots, 0, sizeof *roots);
    hapax_collect();
    hapax_run_cleanups();
    must_count(0, 0);
    end();
}

static void with_a_cleanup(void)
{
    begin_cleanups();
    add(0, new_object(1));
}

static void collects_and_runs(void)
{
    dying = true;
    hapax_collect();
    hapax_run_cleanups();
}

static void runs(void)
{
    hapax_run_cleanups();
}

static void stops(void)
{
    hapax_cleanup_stop(cleanups[0]);
    stopped = !dying;
}

static void end_of_stopping(void)
{
    end_cleanups();
    MUST(ran[0] <= 1, "a cleanup ran %u times", ran[0]);
}

static const struct scenario cleanup_stop = {
    .name = "cleanup-stop-run", .preemptions = 2, .random_runs = 1000,
    .begin = with_a_cleanup, .threads = {collects_and_runs, stops}, .end = end_of_stopping};

/* The record of the stopped one may be used again; its old name must not reach the new cleanup. */
static void stops_and_adds(void)
{
    hapax_cleanup_stop(cleanups[0]);
    roots->objects[1] = new_object(2);
    add(1, roots->objects[1]);
}

static void stops_again(void)
{
    hapax_cleanup_stop(cleanups[0]);
    hapax_cleanup_stop(cleanups[0]);
}

static void end_of_stopping_and_adding(void)
{
    hapax_collect();
    hapax_run_cleanups();
    MUST(ran[0] <= 1 && ran[1] == 0, "cleanups ran %u and %u times", ran[0], ran[1]);
    must_count(1, 0);
    end_cleanups();
    MUST(ran[1] == 1, "the second cleanup ran %u times", ran[1]);
}

static const struct scenario cleanup_stop_add = {
    .name = "cleanup-stop-add-run", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_cleanup, .threads = {collects_and_runs, stops_and_adds, stops_again},
    .end = end_of_stopping_and_adding};

static NOINLINE void add_and_drop(unsigned i)
{
    add(i, new_object(i));
}

static void adds_0(void)
{
    add_and_drop(0);
}

static void adds_1(void)
{
    add_and_drop(1);
}

static void end_of_adding(void)
{
    end_cleanups();
    MUST(ran[0] == 1 && ran[1] == 1, "cleanups ran %u and %u times", ran[0], ran[1]);
}

static const struct scenario cleanup_add = {
    .name = "cleanup-add-collect", .preemptions = 1, .random_runs = 2000,
    .begin = begin_cleanups, .threads = {collects_and_runs, adds_0, adds_1}, .end = end_of_adding};

static void with_queued_cleanups(void)
{
    begin_cleanups();
    for (unsigned i = 0; i < 3; i++)
        add_and_drop(i);
    hapax_collect();
    add_and_drop(3);
    must_count(1, 3);
}

static void stops_the_second(void)
{
    hapax_cleanup_stop(cleanups[1]);
}

static void end_of_running(void)
{
    end_cleanups();
    MUST(ran[0] == 1 && ran[1] <= 1 && ran[2] == 1 && ran[3] == 1, "cleanups ran %u, %u, %u and %u times", ran[0],
         ran[1], ran[2], ran[3]);
}

static const struct scenario cleanup_run_run = {
    .name = "cleanup-run-run-stop", .preemptions = 1, .random_runs = 2000,
    .begin = with_queued_cleanups, .threads = {runs, collects_and_runs, stops_the_second}, .end = end_of_running};

static void with_a_cleanup_in_a_lost_box(void)
{
    begin_cleanups();
    struct object *box = new_object(3);
    box->other = new_object(1);
    add(0, box->other);
    hidden_box = ~(uintptr_t)box;
}

static void end_of_bringing_back(void)
{
    MUST(roots->back != NULL && ran[0] == 0, "a cleanup ran %u times for what was brought back", ran[0]);
    must_be(roots->back->other, 1);
    must_count(1, 0);
    end_cleanups();
    MUST(ran[0] == 1, "a cleanup ran %u times", ran[0]);
}

/* What is stopped while it is in doubt is gone, whatever becomes of the object. */
static void end_of_stopping_in_doubt(void)
{
    MUST(roots->back != NULL && ran[0] == 0, "a cleanup ran %u times for what was brought back", ran[0]);
    must_count(0, 0);
    end_cleanups();
    MUST(ran[0] == 0, "a stopped cleanup ran");
}

static const struct scenario cleanup_bring_back = {
    .name = "cleanup-bring-back", .preemptions = 0, .random_runs = 100,
    .begin = with_a_cleanup_in_a_lost_box, .threads = {collects_and_runs, runs}, .end = end_of_bringing_back};

static const struct scenario cleanup_bring_back_stop = {
    .name = "cleanup-bring-back-stop", .preemptions = 2, .random_runs = 500,
    .begin = with_a_cleanup_in_a_lost_box, .threads = {collects_and_runs, stops}, .end = end_of_stopping_in_doubt};

/* ---- Finalizers ---- */

static unsigned finalized;

static void finalize(void *object, void *unused)
{
    (void)unused;
    must_be(object, 1);
    MUST(hapax_weak_value(roots->cells[0]) == NULL, "a weak pointer gives what is being finalized");
    finalized++;
}

static void with_a_finalizer(void)
{
    begin();
    finalized = 0;
    struct object *object = new_object(1);
    roots->cells[0] = hapax_weak_make(object);
    MUST(hapax_set_finalizer(object, finalize, NULL) == 0, "no memory");
}

static void end_of_finalizing(void)
{
    if (roots->objects[0] != NULL) {
        must_be(roots->objects[0], 1);
        MUST(finalized == 0, "a held object was finalized");
        MUST(hapax_weak_value(roots->cells[0]) == roots->objects[0], "a weak pointer lost its living object");
        roots->objects[0] = NULL;
    }
    hapax_collect();
    hapax_run_cleanups();
    MUST(finalized == 1, "an object was finalized %u times", finalized);
    end();
}

static const struct scenario finalize_value = {
    .name = "finalize-weak-value", .preemptions = 1, .random_runs = 2000,
    .begin = with_a_finalizer, .threads = {collects_and_runs, takes_the_value}, .end = end_of_finalizing};

int main(int argc, char **argv)
{
    explore_begin(argc, argv);
    explore(&make_make);
    explore(&make_make_collect);
    explore(&value_collect);
    explore(&address_again);
    explore(&address_again_collect);
    explore(&map_get_set);
    explore(&cleanup_stop);
    explore(&cleanup_stop_add);
    explore(&cleanup_add);
    explore(&cleanup_run_run);
    explore(&finalize_value);
    script.between = bring_the_box_back;
    explore(&value_bring_back);
    explore(&cleanup_bring_back);
    explore(&cleanup_bring_back_stop);
    return explore_end();
}
