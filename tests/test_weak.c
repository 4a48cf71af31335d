/* SPDX-License-Identifier: MIT */
/* Weak pointers. */
#include "config.h"

#include "support.h"

#include <assert.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <gc/gc.h>

static hapax_weak weak[MANY], again[MANY];
static void *held[MANY];
static uintptr_t hidden[MANY];

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(weak, .init = start);

static void make_dropped(size_t i)
{
    void *object = hapax_alloc(32);
    hidden[i] = hide(object);
    weak[i] = hapax_weak_make(object);
    hapax_keep_alive(object);
}

static void make_held(size_t i)
{
    held[i] = hapax_alloc(32);
    weak[i] = hapax_weak_make(held[i]);
}

static_assert(sizeof(hapax_weak) == sizeof(void *), "one word");

/* ---- Life ---- */

Test(weak, gives_the_object_while_it_lives)
{
    make_each(MANY, make_held);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++)
            cr_assert_eq(hapax_weak_value(weak[i]), held[i]);
        collect();
    }
}

Test(weak, does_not_keep_alive)
{
    make_each(MANY, make_dropped);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

Test(weak, what_died_stays_dead)
{
    make_each(MANY, make_dropped);
    memcpy(again, weak, sizeof weak);
    collect();
    size_t dead = count_dead(again, MANY);
    for (int round = 0; round < 3; round++) {
        /* New objects come where the old ones were. */
        make_each(MANY, make_held);
        cr_assert_geq(count_dead(again, MANY), dead);
        collect();
    }
}

Test(weak, a_strong_pointer_from_it_keeps_alive)
{
    make_each(MANY, make_dropped);
    size_t got = 0;
    for (size_t i = 0; i < MANY; i++)
        got += (held[i] = hapax_weak_value(weak[i])) != NULL;
    collect();
    cr_assert_eq(MANY - count_dead(weak, MANY), got);
}

/* ---- Identity ---- */

Test(weak, the_same_address_gives_the_same_one)
{
    make_each(MANY, make_held);
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(hapax_weak_make(held[i]), weak[i]);
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(weak[i], weak[j]);
    }
}

static void forget_weak(size_t i)
{
    hidden[i] = hide(weak[i]);
    weak[i] = NULL;
}

/* Where a cell would be, had it not been kept. */
static void overwrite_free_memory(void)
{
    for (size_t i = 0; i < 4 * MANY; i++)
        memset(hapax_alloc_plain(16 + i % 32), 0xdd, 16 + i % 32);
}

Test(weak, identity_lasts_while_the_object_lives_whoever_holds_it)
{
    make_each(MANY, make_held);
    make_each(MANY, forget_weak);
    collect();
    overwrite_free_memory();
    for (size_t i = 0; i < MANY; i++) {
        hapax_weak same = hapax_weak_make(held[i]);
        cr_assert_eq(hide(same), hidden[i]);
        cr_assert_eq(hapax_weak_value(same), held[i]);
    }
}

Test(weak, each_offset_has_its_own)
{
    enum { OFFSETS = 13 };
    static const size_t offsets[OFFSETS] = {
        0, 1, 2, 7, 8, 9, 16, 4095, 4096, 65536, 1 << 20, (1 << 20) + 1, (3 << 20) - 1};
    char *object = held[0] = hapax_alloc(3 << 20);
    for (size_t i = 0; i < OFFSETS; i++) {
        weak[i] = hapax_weak_make(object + offsets[i]);
        cr_assert_not_null(weak[i]);
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(weak[i], weak[j]);
    }
    collect();
    for (size_t i = 0; i < OFFSETS; i++) {
        cr_assert_eq(hapax_weak_value(weak[i]), object + offsets[i]);
        cr_assert_eq(hapax_weak_make(object + offsets[i]), weak[i]);
    }
}

static void make_dropped_inside(size_t i)
{
    char *object = hapax_alloc(i % 10 == 0 ? 100000 : 200);
    weak[i] = hapax_weak_make(object + i % 200);
    again[i] = hapax_weak_make(object);
    hapax_keep_alive(object);
}

Test(weak, all_offsets_die_together)
{
    make_each(MANY, make_dropped_inside);
    collect();
    size_t dead = 0;
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(hapax_weak_value(weak[i]) == NULL, hapax_weak_value(again[i]) == NULL);
        dead += hapax_weak_value(weak[i]) == NULL;
    }
    cr_assert_geq(dead, MOST);
}

/* How many of the addresses in hidden[] have a new object. */
static size_t reused;

static void look_for_reuse(size_t n)
{
    (void)n;
    void *object = hapax_alloc(32);
    for (size_t i = 0; i < MANY; i++) {
        if (hidden[i] != hide(object) || hapax_weak_value(weak[i]) != NULL)
            continue;
        hapax_weak fresh = hapax_weak_make(object);
        if (fresh == weak[i] || hapax_weak_value(fresh) != object || hapax_weak_value(weak[i]) != NULL)
            abort();
        reused++;
        break;
    }
}

Test(weak, a_new_object_at_the_same_address_is_unequal)
{
    make_each(MANY, make_dropped);
    collect();
    make_each(3 * MANY, look_for_reuse);
    cr_assert_geq(reused, MANY / 10, "no address was used again: nothing tested");
}

Test(weak, identity_lasts_after_the_object_is_gone)
{
    make_each(MANY, make_dropped);
    memcpy(again, weak, sizeof weak);
    collect();
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(weak[i], again[i]);
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(weak[i], weak[j]);
    }
}

enum { MAKERS = 4, RACES = 2000 };
static hapax_weak made[MAKERS][RACES];
static void *targets[RACES];
static pthread_barrier_t barrier;

static void *race(void *number)
{
    hapax_weak *mine = made[(uintptr_t)number];
    hapax_init();
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < RACES; i++)
        mine[i] = hapax_weak_make(targets[i]);
    return NULL;
}

Test(weak, racing_makers_get_the_same_one)
{
    struct hapax_stats before, after;
    hapax_stats(&before);
    pthread_t threads[MAKERS];
    for (size_t i = 0; i < RACES; i++)
        targets[i] = hapax_alloc(16);
    pthread_barrier_init(&barrier, NULL, MAKERS);
    for (uintptr_t i = 0; i < MAKERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, race, (void *)i), 0);
    for (size_t i = 0; i < MAKERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < RACES; i++)
        for (size_t j = 0; j < MAKERS; j++) {
            cr_assert_not_null(made[j][i]);
            cr_assert_eq(made[j][i], made[0][i]);
        }
    hapax_stats(&after);
    cr_assert_eq(after.weak_cells - before.weak_cells, RACES);
}

/* ---- What else can be pointed to ---- */

Test(weak, null_is_the_zero_value)
{
    errno = 77;
    cr_assert_null(hapax_weak_make(NULL));
    cr_assert_null(hapax_weak_value(NULL));
    cr_assert_eq(errno, 77);
}

static int fixed_array[MANY];

Test(weak, static_data_never_dies)
{
    const char *literal = "a literal";
    hapax_weak of_literal = hapax_weak_make(literal), of_function = hapax_weak_make((void *)(uintptr_t)collect);
    cr_assert(of_literal != NULL && of_function != NULL);
    /* Of any object that is loaded. */
    hapax_weak of_stdout = hapax_weak_make(stdout);
    cr_assert_not_null(of_stdout);
    for (size_t i = 0; i < MANY; i++)
        weak[i] = hapax_weak_make(&fixed_array[i]);
    make_each(MANY, forget_weak);
    for (int round = 0; round < 3; round++) {
        collect();
        overwrite_free_memory();
    }
    for (size_t i = 0; i < MANY; i++) {
        weak[i] = hapax_weak_make(&fixed_array[i]);
        cr_assert_eq(hide(weak[i]), hidden[i]);
        cr_assert_eq(hapax_weak_value(weak[i]), &fixed_array[i]);
    }
    cr_assert_eq(hapax_weak_value(of_stdout), stdout);
    cr_assert_eq(hapax_weak_value(of_literal), literal);
    cr_assert_eq(hapax_weak_make(literal), of_literal);
}

Test(weak, what_is_neither_collected_nor_static_is_refused)
{
    static _Thread_local char thread_local_data;
    char on_stack = 0;
    char *from_malloc = malloc(100);
    const void *foreign[] = {&on_stack,          from_malloc, from_malloc + 50,
                             &thread_local_data, (void *)8,   (void *)UINTPTR_MAX};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        errno = 0;
        cr_expect_null(hapax_weak_make(foreign[i]), "%zu", i);
        cr_expect_eq(errno, EINVAL, "%zu", i);
    }
    free(from_malloc);
}

Test(weak, errno_is_left_alone)
{
    errno = 77;
    for (size_t i = 0; i < MANY; i++) {
        held[i] = GC_MALLOC(40);
        weak[i] = hapax_weak_make(held[i]);
        cr_assert(hapax_weak_make(held[i]) == weak[i] && hapax_weak_value(weak[i]) == held[i]);
        cr_assert_not_null(hapax_weak_make(&fixed_array[i]));
    }
    cr_assert_eq(errno, 77);
}

Test(weak, objects_of_the_programs_own_collector_calls)
{
    for (size_t i = 0; i < MANY; i++) {
        held[i] = i % 3 == 0 ? GC_MALLOC(40) : i % 3 == 1 ? GC_MALLOC_ATOMIC(40) : GC_MALLOC_UNCOLLECTABLE(40);
        weak[i] = hapax_weak_make(held[i]);
    }
    collect();
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(hapax_weak_value(weak[i]), held[i]);
    memset(held, 0, sizeof held);
    collect();
    for (size_t i = 2; i < MANY; i += 3)
        cr_assert_not_null(hapax_weak_value(weak[i]), "uncollectable memory never dies");
    cr_assert_geq(count_dead(weak, MANY), MOST / 3 * 2);
}

static void make_handle_dropped(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "handle %zu", i);
    weak[i] = hapax_weak_make(hapax_intern(text));
}

Test(weak, handles_take_weak_pointers)
{
    hapax_handle kept = hapax_intern("kept");
    hapax_weak of_kept = hapax_weak_make(kept);
    make_each(MANY, make_handle_dropped);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_eq(hapax_weak_value(of_kept), kept);
    cr_assert_eq(hapax_weak_make(hapax_intern("kept")), of_kept);
    /* Interned anew, those that died are other objects, with other weak pointers. */
    memcpy(again, weak, sizeof weak);
    make_each(MANY, make_handle_dropped);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(hapax_weak_value(again[i]) != NULL || weak[i] != again[i]);
}

static void point_at_weak(size_t i)
{
    again[i] = hapax_weak_make(weak[i]);
}

Test(weak, weak_pointers_take_weak_pointers)
{
    make_each(MANY, make_held);
    make_each(MANY, point_at_weak);
    make_each(MANY, forget_weak);
    collect();
    /* The objects live, so their weak pointers keep their identity: they live as well. */
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(hapax_weak_value(again[i]), hapax_weak_make(held[i]));
    memset(held, 0, sizeof held);
    collect();
    collect();
    cr_assert_geq(count_dead(again, MANY), MOST);
}

/* ---- Memory ---- */

Test(weak, the_statistics_count_those_that_exist)
{
    struct hapax_stats before, after;
    hapax_stats(&before);
    make_each(MANY, make_held);
    hapax_stats(&after);
    cr_assert_eq(after.weak_cells - before.weak_cells, MANY);
    /* Of living objects, held or not; of dead ones, those that are held. */
    memset(weak, 0, sizeof weak);
    make_each(MANY, make_dropped);
    collect();
    hapax_stats(&after);
    cr_assert_eq(after.weak_cells - before.weak_cells, MANY + MANY);
    memset(weak, 0, sizeof weak);
    collect();
    hapax_stats(&after);
    cr_assert_geq(after.weak_cells - before.weak_cells, MANY);
    cr_assert_leq(after.weak_cells - before.weak_cells, MANY + FEW);
}

Test(weak, cells_of_the_dead_are_collected)
{
    /* Each round would leave 64 kB or more behind. */
    make_each(MANY, make_dropped);
    collect();
    size_t heap = 0;
    for (int round = 0; round < 200; round++) {
        make_each(MANY, make_dropped);
        collect();
        if (round == 20)
            heap = GC_get_heap_size();
    }
    cr_assert_leq(GC_get_heap_size(), heap + (1 << 20));
}

/* ---- Beside collections ---- */

enum { READERS = 3, SLOTS = 256, ROUNDS = 60 };
struct marked {
    uint64_t magic, slot;
};
#define MAGIC UINT64_C(0x5eed0b1ec7ab1e5)

/* In root ranges of nobody: a slot names an object only weakly; the writer's strong ones come and go. */
static _Atomic(hapax_weak) slots[SLOTS];
static void *_Atomic strong[SLOTS];
static atomic_bool done;
static atomic_size_t seen_alive, seen_dead;

static void *read_slots(void *unused)
{
    (void)unused;
    size_t alive = 0, dead = 0;
    unsigned at = 0;
    while (!atomic_load(&done)) {
        at = at * 1664525 + 1013904223;
        size_t i = (at >> 16) % SLOTS;
        struct marked *object = hapax_weak_value(atomic_load(&slots[i]));
        if (object == NULL) {
            dead++;
            continue;
        }
        alive++;
        /* Held from here: nothing may hand its memory to anybody else. */
        if (hapax_alloc(sizeof *object) == NULL || object->magic != MAGIC || object->slot != i)
            abort();
        if (at % 7 == 0)
            atomic_store(&strong[i], object);
    }
    atomic_fetch_add(&seen_alive, alive);
    atomic_fetch_add(&seen_dead, dead);
    return NULL;
}

static void fill_slot(size_t i)
{
    struct marked *object = hapax_alloc(sizeof *object);
    *object = (struct marked){MAGIC, i};
    atomic_store(&slots[i], hapax_weak_make(object));
    atomic_store(&strong[i], i % 2 ? object : NULL);
}

static int stress(void *data)
{
    (void)data;
    CHECK(hapax_init() == 0);
    make_each(SLOTS, fill_slot);
    pthread_t threads[READERS];
    for (size_t i = 0; i < READERS; i++)
        CHECK(pthread_create(&threads[i], NULL, read_slots, NULL) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        make_each(SLOTS, fill_slot);
        collect();
        /* Objects of the same size come where the dead ones were. */
        for (size_t i = 0; i < SLOTS; i++)
            memset(hapax_alloc(sizeof(struct marked)), 0xdd, sizeof(struct marked));
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    CHECK(atomic_load(&seen_alive) > 0 && atomic_load(&seen_dead) > 0);
    return 0;
}

Test(weak, never_gives_a_dead_object)
{
    cr_assert_eq(in_child(stress, NULL), 0);
}
