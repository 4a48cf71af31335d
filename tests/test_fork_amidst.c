/* SPDX-License-Identifier: MIT */
/* Forks while the library is in the middle of something, in other threads or in the one that forks. */
#include "config.h"

#include "fork_objects.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Iterations ---- */

static hapax_table *table;
static hapax_handle volatile kept;

static bool stay_inside(hapax_handle handle, void *unused)
{
    (void)handle, (void)unused;
    sem_post(&arrived);
    while (sem_wait(&go_on) != 0)
        ;
    return false;
}

static void *walk(void *unused)
{
    hapax_table_each(table, stay_inside, NULL);
    return unused;
}

static void make_short_lived(size_t i)
{
    static size_t number;
    size_t value = ++number;
    (void)i;
    hapax_make_handle(table, &value, sizeof value);
}

/* What the table takes for its values, dead ones and all, after so many have come and gone. */
static uint64_t bytes_after(size_t rounds)
{
    for (size_t i = 0; i < rounds; i++) {
        make_each(10 * MANY, make_short_lived);
        collect();
    }
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    return stats.overhead_bytes;
}

static int memory_comes_back(void *unused)
{
    (void)unused;
    /* Eight bytes for each that has ever been would be more than a megabyte. */
    CHECK(bytes_after(20) < 600 << 10);
    return 0;
}

static void make_table(void)
{
    static const struct hapax_type type = {.size = sizeof(size_t)};
    size_t value = 0;
    table = hapax_table_new(&type, 0);
    must(hapax_pin(table));
    kept = hapax_make_handle(table, &value, sizeof value);
}

Test(fork, beside_an_iteration)
{
    pthread_t thread;
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    make_table();
    must(pthread_create(&thread, NULL, walk, NULL));
    sem_wait(&arrived);
    cr_expect_eq(in_child(memory_comes_back, NULL), 0);
    sem_post(&go_on);
    pthread_join(thread, NULL);
    cr_expect_eq(memory_comes_back(NULL), 0);
}

static bool fork_inside(hapax_handle handle, void *child)
{
    (void)handle;
    /* Both go on with the iteration. */
    make_each(10 * MANY, make_short_lived);
    *(pid_t *)child = fork();
    make_each(10 * MANY, make_short_lived);
    collect();
    return false;
}

Test(fork, inside_an_iteration)
{
    pid_t child = -1;
    int status;
    make_table();
    hapax_table_each(table, fork_inside, &child);
    if (child == 0) {
        alarm(20);
        _exit(memory_comes_back(NULL));
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    cr_expect_eq(memory_comes_back(NULL), 0);
}

/* ---- Between the end of a cleanup and its leaving the queue ---- */

/* The library's lock, with a place to stall in front. */
static atomic_bool stalls;
static _Thread_local bool stalls_next;

__attribute__((visibility("default"))) int pthread_mutex_lock(pthread_mutex_t *lock)
{
    static int (*_Atomic really)(pthread_mutex_t *);
    int (*function)(pthread_mutex_t *) = atomic_load(&really);
    if (function == NULL) {
        function = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_lock");
        atomic_store(&really, function);
    }
    if (stalls_next) {
        stalls_next = false;
        sem_post(&arrived);
        while (sem_wait(&go_on) != 0)
            ;
    }
    return function(lock);
}

static void run_and_stall(void *counter)
{
    count_run(counter);
    if (atomic_exchange(&stalls, false))
        stalls_next = true;
}

static void finalize_and_stall(void *object, void *counter)
{
    if (strcmp(object, "as it was") != 0)
        abort();
    run_and_stall(counter);
}

static size_t already_added;

static void add_stalling_cleanup(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), run_and_stall, &runs[already_added + i], NULL));
}

static void add_stalling_finalizer(size_t i)
{
    char *object = hapax_alloc(32);
    strcpy(object, "as it was");
    must(hapax_set_finalizer(object, finalize_and_stall, &runs[already_added + i]));
    held[i] = object;
}

static void *let_go_later(void *unused)
{
    usleep(500000);     /* longer than a fork has patience */
    sem_post(&go_on);
    return unused;
}

static int those_that_died_have_run_once(void *unused)
{
    (void)unused;
    CHECK(hapax_wait_cleanups(FOR_EVER));
    CHECK(total_runs() >= MOST / 10 * 9);
    for (size_t i = 0; i < MANY; i++)
        CHECK(atomic_load(&runs[i]) <= 1);
    return 0;
}

static void none_runs_twice(void (*add)(size_t i))
{
    pthread_t thread;
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    memset(runs, 0, sizeof runs);
    atomic_store(&stalls, true);
    already_added = 0;
    make_each(MOST, add);
    memset(held, 0, sizeof held);
    collect();
    while (sem_wait(&arrived) != 0)
        ;
    /* One has ended, and what it took may be used again, while its thread is still on its way. */
    already_added = MOST;
    make_each(FEW, add);
    must(pthread_create(&thread, NULL, let_go_later, NULL));
    cr_expect_eq(in_child(those_that_died_have_run_once, NULL), 0);
    pthread_join(thread, NULL);
    cr_expect_eq(those_that_died_have_run_once(NULL), 0);
    memset(held, 0, sizeof held);
}

/* Two tests: what the first leaves alive dies in the second, and would be counted there. */
Test(fork, a_cleanup_that_has_ended_does_not_run_again_in_the_child)
{
    none_runs_twice(add_stalling_cleanup);
}

Test(fork, a_finalizer_that_has_ended_does_not_run_again_in_the_child)
{
    none_runs_twice(add_stalling_finalizer);
}

/* ---- On a thread of the library's own ---- */

static atomic_int child;

static void fork_once_and_return(void *stay)
{
    static atomic_bool forked;
    if (atomic_exchange(&forked, true))
        return;
    pid_t pid = fork();
    if (pid != 0)
        atomic_store(&child, pid);
    while (pid == 0 && stay != NULL)
        pause();
}

static void add_forking(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), fork_once_and_return, (void *)i, NULL));
}
static void add_forking_that_returns(size_t i)
{
    (void)i;
    add_forking(0);
}
static void add_forking_that_stays(size_t i)
{
    (void)i;
    add_forking(1);
}

static int status_of_child(void (*add)(size_t i), int signal)
{
    int status = -1;
    make_each(MANY, add);
    collect();
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_gt(atomic_load(&child), 0);
    if (signal != 0)
        kill(atomic_load(&child), signal);
    cr_assert_eq(waitpid(atomic_load(&child), &status, 0), atomic_load(&child));
    return status;
}

Test(fork, a_child_without_a_thread_of_the_program_ends_when_all_has_run)
{
    cr_expect_eq(status_of_child(add_forking_that_returns, 0), 0);
}

Test(fork, a_child_that_a_cleanup_has_forked_takes_signals)
{
    int status = status_of_child(add_forking_that_stays, SIGTERM);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%d", status);
}

static void tick_that_forks(void *unused)
{
    fork_once_and_return(unused);
}

Test(fork, a_child_that_a_tick_has_forked_takes_signals)
{
    static int owner;
    int status = -1;
    hapax_worker *worker = hapax_worker_start(&owner, tick_that_forks, &owner, 1);
    while (atomic_load(&child) == 0)
        usleep(1000);
    hapax_worker_stop(worker);
    kill(atomic_load(&child), SIGTERM);
    cr_assert_eq(waitpid(atomic_load(&child), &status, 0), atomic_load(&child));
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "%d", status);
}
