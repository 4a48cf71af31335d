/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=cleanups: what it finds and says. */
#include "config.h"

#include "diagnosis_output.h"

#include <criterion/criterion.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static NOINLINE void leak_by_finalizer(size_t i)
{
    struct node *object = new_node(i), *arg = new_node(i);
    arg->next = object;
    cr_assert_eq(hapax_set_finalizer(object, finalize, arg), 0);
}

/* Finalized as any other. */
static NOINLINE void point_to_itself(size_t i)
{
    struct node *object = new_node(i);
    object->next = object->other = object;
    cr_assert_eq(hapax_set_finalizer(object, finalize, NULL), 0);
}

static NOINLINE void make_cycle(size_t i)
{
    struct node *object = new_node(i);
    object->next = new_node(i);
    object->next->other = object;
    cr_assert_eq(hapax_set_finalizer(object, finalize, NULL), 0);
}

/* ---- HAPAX_DEBUG=cleanups ---- */

static bool was_leaked(uintptr_t address)
{
    for (size_t i = 0; i < FEW; i++)
        if (hidden[i] == ~address)
            return true;
    return false;
}

Test(diagnosis, names_objects_that_their_own_cleanups_keep)
{
    ask_for("cleanups");
    repeat(leak_by_cleanup, FEW);
    collect();
    cr_assert_geq(lines_with(NEVER_CLEANED), MOST(FEW));
    for (char *line = strtok(text(), "\n"); line != NULL; line = strtok(NULL, "\n")) {
        size_t size;
        void *address;
        cr_assert_eq(sscanf(line, "hapax: object of %zu bytes at %p never dies", &size, &address), 2);
        cr_assert_eq(size, GC_size(address));
        cr_assert(was_leaked((uintptr_t)address));
    }
    if (system("addr2line --version >/dev/null 2>&1") == 0) {
        char site[64];
        snprintf(site, sizeof site, "added in leak_by_cleanup (diagnosis_output.h:%u)", leak_line);
        cr_assert_geq(lines_with(site), MOST(FEW));
    } else {
        cr_assert_geq(lines_with("added in "), MOST(FEW));
    }
}

/* A function that a shared library has, too, is in the table of symbols that a program is loaded with. */
__attribute__((visibility("default"), noinline)) void *memfrob(void *object, size_t i)
{
    struct node *arg = new_node(i);
    arg->next = object;
    cr_assert_eq(hapax_add_cleanup(object, nothing, arg, NULL), 0);
    return arg;
}

static NOINLINE void leak_by_symbol(size_t i)
{
    memfrob(new_node(i), i);
}

/* Without the lines of the sources: the symbol, or where in the file. */
Test(diagnosis, names_places_without_addr2line)
{
    ask_for("cleanups");
    setenv("PATH", "/nonexistent", 1);
    repeat(leak_by_symbol, FEW);
    collect();
    cr_assert_geq(lines_with("added in memfrob+0x"), MOST(FEW));
    repeat(leak_by_cleanup, FEW);
    collect();
    cr_assert_geq(lines_with("+0x"), 2 * MOST(FEW));
}

Test(diagnosis, names_each_once)
{
    ask_for("cleanups,unknown");
    repeat(leak_by_cleanup, FEW);
    for (unsigned i = 0; i < 4; i++)
        collect();
    cr_assert_geq(lines_with(NEVER_CLEANED), MOST(FEW));
    cr_assert_leq(lines_with(NEVER_CLEANED), FEW);
}

/* More than fit between two looks. */
Test(diagnosis, names_very_many)
{
    enum { VERY_MANY = 3000 };
    ask_for("cleanups");
    setenv("PATH", "/nonexistent", 1);
    GC_disable();
    for (unsigned i = 0; i < VERY_MANY / MANY; i++)
        repeat(leak_by_cleanup, MANY);
    GC_enable();
    for (unsigned i = 0; i < 6; i++)
        collect();
    cr_assert_geq(lines_with(NEVER_CLEANED), MOST(VERY_MANY));
    cr_assert_leq(lines_with(NEVER_CLEANED), VERY_MANY);
}

Test(diagnosis, names_finalizers_that_never_run)
{
    ask_for("cleanups");
    repeat(leak_by_finalizer, FEW);
    repeat(make_cycle, FEW);
    collect();
    cr_assert_geq(lines_with(NEVER_FINALIZED), MOST(FEW));
    cr_assert_geq(lines_with(CYCLE), MOST(FEW));
    cr_assert_leq(lines_with(NEVER_FINALIZED), FEW);
    cr_assert_leq(lines_with(CYCLE), FEW);
    cr_assert_eq(lines_with(NEVER_CLEANED), 0u);
    cr_assert_eq(finalized, 0u);
}

Test(diagnosis, does_not_name_objects_that_point_to_themselves)
{
    ask_for("cleanups");
    repeat(point_to_itself, FEW);
    collect_all();
    cr_assert_eq(lines_with("never"), 0u);
    cr_assert_geq(finalized, MOST(FEW));
}

static NOINLINE void leak_handle(size_t i)
{
    static hapax_table *table;
    static const struct hapax_type type = {.name = "colour", .size = sizeof i};
    if (table == NULL) {
        table = hapax_table_new(&type, 0);
        cr_assert_eq(hapax_pin(table), 0);
    }
    hapax_handle handle = hapax_make_handle(table, &i, sizeof i);
    struct node *arg = new_node(i);
    arg->next = (struct node *)(uintptr_t)handle;
    cr_assert_eq(hapax_add_cleanup(handle, nothing, arg, NULL), 0);
}

Test(diagnosis, names_the_type_of_handles)
{
    ask_for("cleanups");
    repeat(leak_handle, FEW);
    collect();
    cr_assert_geq(lines_with("hapax: colour of "), MOST(FEW));
}

struct shade {
    size_t number;
};
HAPAX_DEFINE_HANDLE(shade, struct shade, number)

static NOINLINE void leak_typed_handle(size_t i)
{
    struct shade shade = {i};
    struct node *arg = new_node(i);
    arg->next = (struct node *)(uintptr_t)shade_make(&shade);
    cr_assert_eq(hapax_add_cleanup(arg->next, nothing, arg, NULL), 0);
}

Test(diagnosis, names_the_type_of_typed_handles)
{
    ask_for("cleanups");
    repeat(leak_typed_handle, FEW);
    collect();
    cr_assert_geq(lines_with("hapax: shade of "), MOST(FEW));
}

static void tick(void *state)
{
    (void)state;
}

static NOINLINE void leak_worker(size_t i)
{
    struct node *owner = new_node(i), *state = new_node(i);
    state->next = owner;
    cr_assert_not_null(hapax_worker_start(owner, tick, state, 60000));
}

Test(diagnosis, names_owners_that_their_workers_reach)
{
    if (address_space_is_limited())
        cr_skip_test("no room for many threads");
    ask_for("cleanups");
    repeat(leak_worker, FEW);
    collect();
    cr_assert_geq(lines_with(NEVER_CLEANED), MOST(FEW));
}

static struct node *held[FEW];

static NOINLINE void leak_all_held(void)
{
    for (size_t i = 0; i < FEW; i++) {
        struct node *arg = new_node(i);
        held[i] = new_node(i);
        arg->next = held[i];
        cr_assert_eq(hapax_add_cleanup(held[i], nothing, arg, NULL), 0);
        /* And a cycle. */
        held[i]->next = new_node(i);
        held[i]->next->other = held[i];
        held[i]->next->next = held[i]->next;
        cr_assert_eq(hapax_set_finalizer(held[i]->next, finalize, NULL), 0);
    }
}

Test(diagnosis, does_not_name_what_others_hold)
{
    ask_for("cleanups");
    leak_all_held();
    collect();
    collect();
    cr_assert_eq(lines_with("never dies"), 0u);
    memset(held, 0, sizeof held);
    collect();
    cr_assert_geq(lines_with("never dies"), MOST(FEW));
}

/* Kept by their own arguments, but also by those of what is held. */
static NOINLINE void leak_behind_held(void)
{
    for (size_t i = 0; i < FEW; i++) {
        struct node *object = new_node(i), *arg = new_node(i), *held_arg = new_node(i);
        held[i] = new_node(i);
        held_arg->next = object;
        arg->next = object;
        cr_assert_eq(hapax_add_cleanup(held[i], nothing, held_arg, NULL), 0);
        cr_assert_eq(hapax_add_cleanup(object, nothing, arg, NULL), 0);
    }
}

Test(diagnosis, does_not_name_what_arguments_of_the_living_hold)
{
    ask_for("cleanups");
    leak_behind_held();
    collect_all();
    cr_assert_eq(lines_with("never dies"), 0u);
    memset(held, 0, sizeof held);
    collect_all();
    collect_all();
    cr_assert_geq(lines_with("never dies"), MOST(FEW));
    cr_assert_leq(lines_with("never dies"), FEW);
}

/* What is held reaches, by its argument, an object whose argument reaches the next one; each is reached by its own,
 * too. */
static NOINLINE void leak_behind_arguments(void)
{
    enum { DEPTH = 5 };
    for (size_t i = 0; i < FEW; i++) {
        struct node *object = held[i] = new_node(i);
        for (unsigned depth = 0; depth < DEPTH; depth++) {
            struct node *arg = new_node(i), *next = new_node(i);
            arg->next = next;
            arg->other = depth > 0 ? object : NULL;
            cr_assert_eq(hapax_add_cleanup(object, nothing, arg, NULL), 0);
            object = next;
        }
        struct node *last = new_node(i);
        last->next = object;
        cr_assert_eq(hapax_add_cleanup(object, nothing, last, NULL), 0);
    }
}

Test(diagnosis, does_not_name_what_the_living_hold_by_arguments_of_arguments)
{
    ask_for("cleanups");
    leak_behind_arguments();
    collect_all();
    cr_assert_eq(lines_with("never dies"), 0u);
}

Test(diagnosis, changes_nothing_for_the_innocent)
{
    ask_for("cleanups");
    repeat(make_innocent, MANY);
    for (unsigned i = 0; i < 5; i++)
        collect_all();
    cr_assert_eq(lines_with("never dies"), 0u);
    cr_assert_geq(finalized, MOST(MANY));
    cr_assert_geq(cleaned, MOST(2 * MANY), "%u of %u", (unsigned)cleaned, (unsigned)MANY * 2);
    cr_assert_leq(cleaned, 2 * MANY);
}

static NOINLINE void make_cyclic_arguments(hapax_weak *weaks)
{
    for (size_t i = 0; i < MANY; i++) {
        struct node *arg = new_node(i);
        arg->next = new_node(i);
        weaks[i] = hapax_weak_make(arg->next);
        cr_assert_eq(hapax_set_finalizer(new_node(i), finalize, arg), 0);
    }
}

/* What only a waiting argument reaches is as alive as without the switch. */
Test(diagnosis, arguments_stay_until_they_were_used)
{
    ask_for("cleanups");
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    hapax_weak *weaks = hapax_alloc(MANY * sizeof *weaks);
    make_cyclic_arguments(weaks);
    for (unsigned i = 0; i < 3; i++)
        collect();
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(((struct node *)hapax_weak_value(weaks[i]))->number, i);
    cr_assert_geq(hapax_run_cleanups(), (size_t)MOST(MANY));
    cr_assert_geq(finalized, MOST(MANY));
    collect();
    unsigned gone = 0;
    for (size_t i = 0; i < MANY; i++)
        gone += hapax_weak_value(weaks[i]) == NULL;
    cr_assert_geq(gone, MOST(MANY));
    hapax_keep_alive(weaks);
}

static uintptr_t hidden_arguments[MANY];

static NOINLINE void drop_with_hidden_argument(size_t i)
{
    struct node *object = new_node(i), *arg = new_node(i);
    hidden[i] = ~(uintptr_t)object;
    hidden_arguments[i] = ~(uintptr_t)arg;
    cr_assert_eq(hapax_add_cleanup(object, nothing, arg, NULL), 0);
}

/* Where a new object has the address of a dead one, the argument that waits for the dead one's cleanup comes to reach
 * it. */
static NOINLINE unsigned reach_new_objects_at_old_addresses(void)
{
    unsigned found = 0;
    for (unsigned i = 0; i < 4 * MANY; i++) {
        struct node *fresh = new_node(i);
        for (unsigned j = 0; j < MANY; j++) {
            if (hidden[j] != ~(uintptr_t)fresh)
                continue;
            ((struct node *)~hidden_arguments[j])->next = fresh;
            hidden[j] = 0;
            found++;
        }
    }
    return found;
}

Test(diagnosis, does_not_take_a_new_object_for_the_one_that_was_there)
{
    ask_for("cleanups");
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    repeat(drop_with_hidden_argument, MANY);
    collect();
    cr_assert_gt(reach_new_objects_at_old_addresses(), 0u);
    collect();
    cr_assert_eq(lines_with("never dies"), 0u);
    cr_assert_geq(hapax_run_cleanups(), (size_t)MOST(MANY));
}

Test(diagnosis, is_silent_unless_asked)
{
    ask_for("errors");
    repeat(leak_by_cleanup, FEW);
    repeat(make_cycle, FEW);
    collect_all();
    cr_assert_str_empty(text());
}
