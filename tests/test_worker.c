/* SPDX-License-Identifier: MIT */
/* Workers: ticks, and the death of the owner. */
#include "config.h"

#include "registers.h"
#include "worker_ticks.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- Ticks ---- */

static _Atomic uint64_t first_tick;

static void note_first_tick(void *state)
{
    uint64_t none = 0;
    atomic_compare_exchange_strong(&first_tick, &none, now_ns());
    tick(state);
}

Test(worker, the_first_tick_comes_after_the_interval)
{
    void *owner = hapax_alloc(16);
    uint64_t start = now_ns();
    cr_assert_not_null(hapax_worker_start(owner, note_first_tick, NULL, 50));
    until(&ticks, 1);
    cr_assert_geq(first_tick - start, 50000000u);
    hapax_keep_alive(owner);
}

Test(worker, ticks_come_no_faster_than_the_interval)
{
    void *owner = hapax_alloc(16);
    uint64_t start = now_ns();
    hapax_worker *worker = hapax_worker_start(owner, tick, NULL, 10);
    cr_assert_not_null(worker);
    until(&ticks, 10);
    hapax_worker_stop(worker);
    cr_assert_geq(now_ns() - start, ticks * UINT64_C(10000000));
    hapax_keep_alive(owner);
}

static NOINLINE void start_and_forget(void **owners, struct state **states, atomic_uint *workers_died)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        states[i] = hapax_alloc(sizeof **states);
        hapax_worker *worker = hapax_worker_start(owners[i], tick_state, states[i], 5);
        cr_assert_not_null(worker);
        cr_assert_eq(hapax_add_cleanup(worker, count_one, workers_died, NULL), 0);
    }
}

Test(worker, ticks_go_on_while_the_owner_lives)
{
    static atomic_uint workers_died;
    void **owners = hapax_alloc(WORKERS * sizeof *owners);
    struct state **states = hapax_alloc(WORKERS * sizeof *states);
    for (unsigned i = 0; i < WORKERS; i++)
        owners[i] = hapax_alloc(16);
    start_and_forget(owners, states, &workers_died);
    collect_all();
    cr_assert_geq(workers_died, MOST(WORKERS));
    for (unsigned i = 0; i < WORKERS; i++)
        until(&states[i]->ticks, states[i]->ticks + 3);
    cr_assert_eq(worker_threads(), WORKERS);
    hapax_keep_alive(owners);
    hapax_keep_alive(states);
}

static void busy_tick(void *state)
{
    static atomic_uint at_once;
    cr_assert_eq(atomic_fetch_add(&at_once, 1u), 0u);
    char text[32];
    snprintf(text, sizeof text, "tick %u", ticks);
    cr_assert_not_null(hapax_intern(text));
    hapax_collect();
    usleep(2000);
    cr_assert_eq(atomic_fetch_sub(&at_once, 1u), 1u);
    tick(state);
}

Test(worker, ticks_may_use_the_library_and_take_longer_than_the_interval)
{
    void *owner = hapax_alloc(16);
    cr_assert_not_null(hapax_worker_start(owner, busy_tick, NULL, 1));
    until(&ticks, 20);
    hapax_keep_alive(owner);
}

/* ---- The owner's death ---- */

static NOINLINE void start_and_drop_owners(atomic_uint *owners_died, atomic_uint *states_died)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        char *owner = hapax_alloc(16);
        struct state *state = hapax_alloc(sizeof *state);
        cr_assert_eq(hapax_add_cleanup(owner, count_one, owners_died, NULL), 0);
        cr_assert_eq(hapax_add_cleanup(state, count_one, states_died, NULL), 0);
        /* A pointer inside the owner will do. */
        cr_assert_not_null(hapax_worker_start(owner + i % 16, tick_state, state, 5));
    }
}

Test(worker, ends_with_its_owner_and_lets_the_state_go)
{
    static atomic_uint owners_died, states_died;
    start_and_drop_owners(&owners_died, &states_died);
    until_threads_end(WORKERS - MOST(WORKERS));
    cr_assert_geq(owners_died, MOST(WORKERS));
    for (unsigned i = 0; i < 100 && states_died < MOST(WORKERS); i++)
        collect_all();
    cr_assert_geq(states_died, MOST(WORKERS));
}

Test(worker, keeps_the_state)
{
    static atomic_uint owners_died, states_died;
    void **owners = hapax_alloc(WORKERS * sizeof *owners);
    for (unsigned i = 0; i < WORKERS; i++) {
        owners[i] = hapax_alloc(16);
        struct state *state = hapax_alloc(sizeof *state);
        cr_assert_eq(hapax_add_cleanup(owners[i], count_one, &owners_died, NULL), 0);
        cr_assert_eq(hapax_add_cleanup(state, count_one, &states_died, NULL), 0);
        /* So long that no tick holds it. */
        cr_assert_not_null(hapax_worker_start(owners[i], tick_state, state, 3600000));
    }
    collect_all();
    cr_assert_eq(states_died, 0u);
    memset(owners, 0, WORKERS * sizeof *owners);
    until_threads_end(WORKERS - MOST(WORKERS));
    for (unsigned i = 0; i < 100 && states_died < MOST(WORKERS); i++)
        collect_all();
    cr_assert_geq(states_died, MOST(WORKERS));
    hapax_keep_alive(owners);
}

static NOINLINE void start_from_dirty_registers(void)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        void *owner = hapax_alloc(16), *state = hapax_alloc(16);
        leave_in_registers((uintptr_t)owner);
        cr_assert_not_null(hapax_worker_start(owner, tick, state, 3600000));
    }
}

/* A new thread begins with the registers of its creator, and waits for long. */
Test(worker, what_its_creator_had_in_registers_it_does_not_keep)
{
    start_from_dirty_registers();
    until_threads_end(WORKERS - MOST(WORKERS));
}

static NOINLINE void start_with_circles(atomic_uint *owners_died)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        void *owner = hapax_alloc(16);
        struct state *state = hapax_alloc(sizeof *state);
        state->reached = owner;
        cr_assert_eq(hapax_add_cleanup(owner, count_one, owners_died, NULL), 0);
        cr_assert_not_null(hapax_worker_start(owner, tick_state, i % 2 ? state : owner, 5));
    }
}

Test(worker, a_state_that_reaches_the_owner_keeps_it)
{
    static atomic_uint owners_died;
    start_with_circles(&owners_died);
    collect_all();
    cr_assert_eq(owners_died, 0u);
    cr_assert_eq(worker_threads(), WORKERS);
}

Test(worker, with_no_cleanup_threads_it_ends_when_somebody_drains)
{
    static atomic_uint owners_died, states_died;
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    start_and_drop_owners(&owners_died, &states_died);
    collect();
    collect();
    cr_assert_eq(worker_threads(), WORKERS);
    cr_assert_geq(hapax_run_cleanups(), MOST(WORKERS));
    until_threads_end(WORKERS - MOST(WORKERS));
}

/* ---- Static owners ---- */

static int static_owner;

static NOINLINE void start_for_static(hapax_worker **workers, atomic_uint *states_died)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct state *state = hapax_alloc(sizeof *state);
        cr_assert_eq(hapax_add_cleanup(state, count_one, states_died, NULL), 0);
        workers[i] = hapax_worker_start(&static_owner, tick_state, state, i % 2 ? 5 : 3600000);
        cr_assert_not_null(workers[i]);
    }
}

Test(worker, of_static_data_runs_until_it_is_stopped)
{
    static atomic_uint states_died;
    hapax_worker **workers = hapax_alloc(WORKERS * sizeof *workers);
    start_for_static(workers, &states_died);
    collect_all();
    cr_assert_eq(worker_threads(), WORKERS);
    cr_assert_eq(states_died, 0u);
    for (unsigned i = 0; i < WORKERS; i++) {
        hapax_worker_stop(workers[i]);
        hapax_worker_stop(workers[i]);
    }
    until_threads_end(0);
    for (unsigned i = 0; i < 100 && states_died < MOST(WORKERS); i++)
        collect_all();
    cr_assert_geq(states_died, MOST(WORKERS));
}

static NOINLINE void start_and_forget_static(atomic_uint *states_died)
{
    hapax_worker **workers = hapax_alloc(WORKERS * sizeof *workers);
    start_for_static(workers, states_died);
}

Test(worker, of_static_data_keeps_its_state_though_nobody_holds_it)
{
    static atomic_uint states_died;
    start_and_forget_static(&states_died);
    collect_all();
    cr_assert_eq(worker_threads(), WORKERS);
    cr_assert_eq(states_died, 0u);
}

/* ---- Errors ---- */

static void refuses(void *owner, void (*function)(void *), unsigned interval)
{
    errno = 0;
    cr_assert_null(hapax_worker_start(owner, function, NULL, interval));
    cr_assert_eq(errno, EINVAL);
}

Test(worker, mistakes)
{
    void *owner = hapax_alloc(16), *foreign = malloc(16);
    int on_stack;
    refuses(NULL, tick, 1);
    refuses(owner, NULL, 1);
    refuses(owner, tick, 0);
    refuses(foreign, tick, 1);
    refuses(&on_stack, tick, 1);
    cr_assert_eq(worker_threads(), 0u);
    free(foreign);
}

static NOINLINE void fail_to_start(void *owner, atomic_uint *states_died)
{
    for (unsigned i = 0; i < 2 * WORKERS; i++) {
        struct state *state = hapax_alloc(sizeof *state);
        cr_assert_eq(hapax_add_cleanup(state, count_one, states_died, NULL), 0);
        errno = 0;
        cr_assert_null(hapax_worker_start(i % 2 ? owner : &static_owner, tick_state, state, 5));
        cr_assert_eq(errno, EAGAIN);
    }
}

Test(worker, no_room_for_a_thread)
{
    static atomic_uint states_died;
    void *owner = hapax_alloc(16);
    /* The thread of the cleanups comes first. */
    cr_assert_eq(hapax_add_cleanup(owner, count_one, NULL, NULL), 0);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    cr_assert_eq(pthread_attr_setstacksize(&attributes, (size_t)1 << 60), 0);
    cr_assert_eq(pthread_setattr_default_np(&attributes), 0);
    fail_to_start(owner, &states_died);
    collect_all();
    cr_assert_geq(states_died, MOST(2 * WORKERS));
    hapax_keep_alive(owner);
}
