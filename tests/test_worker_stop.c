/* SPDX-License-Identifier: MIT */
/* Workers: stopping, and forks. */
#include "config.h"

#include "worker_ticks.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- Stopping ---- */

static atomic_uint inside;

static void slow_tick(void *state)
{
    atomic_fetch_add(&inside, 1u);
    tick(state);
    usleep(5000);
    atomic_fetch_sub(&inside, 1u);
}

Test(worker, stop_waits_for_the_tick_that_runs)
{
    void *owner = hapax_alloc(16);
    for (unsigned i = 0; i < 30; i++) {
        unsigned before = ticks;
        hapax_worker *worker = hapax_worker_start(owner, slow_tick, NULL, 1);
        while (inside == 0)
            sched_yield();
        errno = 77;
        hapax_worker_stop(worker);
        cr_assert_eq(errno, 77);
        cr_assert_eq(inside, 0u);
        cr_assert_gt(ticks, before);
        unsigned after = ticks;
        hapax_worker_stop(worker);
        usleep(3000);
        cr_assert_eq(ticks, after);
    }
    until_threads_end(0);
    hapax_worker_stop(NULL);
    hapax_keep_alive(owner);
}

Test(worker, stop_before_the_first_tick)
{
    void *owner = hapax_alloc(16);
    hapax_worker *worker = hapax_worker_start(owner, tick, NULL, 3600000);
    hapax_worker_stop(worker);
    until_threads_end(0);
    cr_assert_eq(ticks, 0u);
    hapax_keep_alive(owner);
}

/* The library's calls come here: a thread whose time is over takes a while to get the lock back. */
static atomic_bool wakes_late, is_late;

__attribute__((visibility("default"))) int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                                                   const struct timespec *until)
{
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (real == NULL) {
        /* Of the two there are, the plain name may find the one for conditions of old. */
        void *found = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
        if (found == NULL)
            found = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
        real = (int (*)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *))(uintptr_t)found;
    }
    int result = real(condition, mutex, until);
    if (wakes_late && result == ETIMEDOUT) {
        pthread_mutex_unlock(mutex);
        is_late = true;
        while (wakes_late)
            usleep(100);
        pthread_mutex_lock(mutex);
    }
    return result;
}

Test(worker, stop_when_a_tick_was_about_to_begin)
{
    void *owner = hapax_alloc(16);
    wakes_late = true;
    hapax_worker *worker = hapax_worker_start(owner, tick, NULL, 1);
    while (!is_late)
        usleep(100);
    hapax_worker_stop(worker);
    wakes_late = false;
    until_threads_end(0);
    cr_assert_eq(ticks, 0u);
    hapax_keep_alive(owner);
}

static hapax_worker *stopping_itself;

static void stop_in_tick(void *state)
{
    if (atomic_fetch_add(&ticks, 1u) == 2) {
        hapax_worker_stop(stopping_itself);
        hapax_worker_stop(stopping_itself);
    }
    tick_state(state);
}

Test(worker, stop_from_its_own_tick)
{
    void *owner = hapax_alloc(16);
    struct state *state = hapax_alloc(sizeof *state);
    stopping_itself = hapax_worker_start(owner, stop_in_tick, state, 10);
    until(&state->ticks, 3);
    until_threads_end(0);
    cr_assert_eq(state->ticks, 3u);
    hapax_worker_stop(stopping_itself);
    hapax_keep_alive(owner);
}

static void *stop_too(void *worker)
{
    hapax_worker_stop(worker);
    cr_assert_eq(inside, 0u);
    return NULL;
}

Test(worker, stop_from_several_threads_at_once)
{
    void *owner = hapax_alloc(16);
    for (unsigned i = 0; i < 10; i++) {
        hapax_worker *worker = hapax_worker_start(owner, slow_tick, NULL, 1);
        until(&ticks, ticks + 1);
        pthread_t threads[4];
        for (unsigned t = 0; t < 4; t++)
            cr_assert_eq(pthread_create(&threads[t], NULL, stop_too, worker), 0);
        stop_too(worker);
        for (unsigned t = 0; t < 4; t++)
            pthread_join(threads[t], NULL);
    }
    hapax_keep_alive(owner);
}

static NOINLINE void start_with_owner_dropped(hapax_worker **workers)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        void *owner = hapax_alloc(16);
        workers[i] = hapax_worker_start(owner, tick, NULL, 1);
        cr_assert_not_null(workers[i]);
    }
}

Test(worker, stop_after_the_owner_has_died)
{
    hapax_worker **workers = hapax_alloc(WORKERS * sizeof *workers);
    start_with_owner_dropped(workers);
    until_threads_end(WORKERS - MOST(WORKERS));
    for (unsigned i = 0; i < WORKERS; i++)
        hapax_worker_stop(workers[i]);
    until_threads_end(0);
}

static NOINLINE void start_and_stop(void *owner, atomic_uint *states_died)
{
    for (unsigned i = 0; i < WORKERS; i++) {
        struct state *state = hapax_alloc(sizeof *state);
        cr_assert_eq(hapax_add_cleanup(state, count_one, states_died, NULL), 0);
        hapax_worker_stop(hapax_worker_start(owner, tick_state, state, 1));
    }
}

Test(worker, stop_lets_the_state_go)
{
    static atomic_uint states_died;
    void *owner = hapax_alloc(16);
    start_and_stop(owner, &states_died);
    until_threads_end(0);
    collect_all();
    cr_assert_geq(states_died, MOST(WORKERS));
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_leq(stats.cleanups_pending, WORKERS - MOST(WORKERS));
    hapax_keep_alive(owner);
}

/* ---- A fork ---- */

Test(worker, does_not_run_in_the_child, .timeout = 60)
{
    void *owner = hapax_alloc(16);
    hapax_worker *worker = hapax_worker_start(owner, slow_tick, NULL, 1);
    until(&ticks, 2);
    /* Inside a tick, whose end the child will not see. */
    while (inside == 0)
        sched_yield();
    pid_t child = fork();
    if (child == 0) {
        alarm(30 * time_scale());
        unsigned before = ticks;
        hapax_worker_stop(worker);
        usleep(20000);
        if (worker_threads() != 0 || ticks != before)
            _exit(1);
        /* Its own one does. */
        hapax_worker *own = hapax_worker_start(owner, tick, NULL, 1);
        if (own == NULL)
            _exit(2);
        until(&ticks, before + 2);
        hapax_worker_stop(own);
        owner = worker = own = NULL;
        collect_all();
        _exit(0);
    }
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    until(&ticks, ticks + 3);
    hapax_worker_stop(worker);
    hapax_keep_alive(owner);
}

static atomic_int child_of_tick;

static void fork_in_tick(void *state)
{
    if (atomic_fetch_add(&ticks, 1u) == 0)
        child_of_tick = fork();
    tick_state(state);
}

Test(worker, a_child_that_a_tick_forks_ends_with_the_tick, .timeout = 60)
{
    void *owner = hapax_alloc(16);
    struct state *state = hapax_alloc(sizeof *state);
    hapax_worker *worker = hapax_worker_start(owner, fork_in_tick, state, 1);
    until(&state->ticks, 5);
    int status = -1;
    cr_assert_eq(waitpid(child_of_tick, &status, 0), child_of_tick);
    cr_assert_eq(status, 0);
    hapax_worker_stop(worker);
    hapax_keep_alive(owner);
}
