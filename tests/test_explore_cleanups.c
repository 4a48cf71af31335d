/* SPDX-License-Identifier: MIT */
/* Cleanups and finalizers under the explorer of interleavings. */
#include "config.h"

#include "explored_objects.h"

#include <hapax.h>
#include <string.h>

/* ---- Cleanups ---- */

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
    explore(&cleanup_stop);
    explore(&cleanup_stop_add);
    explore(&cleanup_add);
    explore(&cleanup_run_run);
    explore(&finalize_value);
    script.between = bring_the_box_back;
    explore(&cleanup_bring_back);
    explore(&cleanup_bring_back_stop);
    return explore_end();
}
