/* SPDX-License-Identifier: MIT */
/* The start of the library beside what other threads do: collect, allocate, fork. Where the start is to be met at a
 * given point, functions of the collector that it calls there are the test's own, and go on to the collector's. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_mark.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(start_beside, .timeout = 120);

/* Called by the thread that starts the library, after its nth step with the collector. */
static void (*at_step)(int step);

static void meet(int step)
{
    if (at_step != NULL)
        at_step(step);
}

#define IN_FRONT(type, name, step)                                                                                    \
    __attribute__((visibility("default"))) type name(void)                                                            \
    {                                                                                                                 \
        meet(step);                                                                                                   \
        return ((type(*)(void))dlsym(RTLD_NEXT, #name))();                                                            \
    }
IN_FRONT(GC_on_collection_event_proc, GC_get_on_collection_event, 0)
IN_FRONT(GC_push_other_roots_proc, GC_get_push_other_roots, 1)
IN_FRONT(GC_await_finalize_proc, GC_get_await_finalize_proc, 2)
enum { STEPS = 3 };

static hapax_handle handles[MANY];
static hapax_weak weak[MANY];

static void make_handle(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "some value %zu", i);
    hapax_handle handle = hapax_intern(text);
    weak[i] = hapax_weak_make(handle);
    handles[i] = i % 2 ? handle : NULL;
}

static int everything_works(void)
{
    make_each(MANY, make_handle);
    collect();
    for (size_t i = 1; i < MANY; i += 2)
        CHECK(hapax_weak_value(weak[i]) == handles[i] && handles[i] != NULL);
    CHECK(count_dead(weak, MANY) >= MOST / 2);
    return 0;
}

/* ---- Collections ---- */

static atomic_bool done;

static void *keep_collecting(void *unused)
{
    while (!atomic_load(&done))
        GC_gcollect();
    return unused;
}

static int start_beside_collections(void *microseconds)
{
    GC_INIT();
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        CHECK(GC_pthread_create(&threads[i], NULL, keep_collecting, NULL) == 0);
    usleep((unsigned)(uintptr_t)microseconds);
    CHECK(hapax_init() == 0);
    CHECK(everything_works() == 0);
    atomic_store(&done, true);
    for (size_t i = 0; i < 2; i++)
        GC_pthread_join(threads[i], NULL);
    return 0;
}

Test(start_beside, collections)
{
    for (uintptr_t round = 0; round < 30; round++)
        cr_expect_eq(in_child(start_beside_collections, (void *)(round * 97)), 0);
}

static int wanted_step;

static void *collect_once(void *unused)
{
    GC_gcollect();
    return unused;
}

static void collect_elsewhere(int step)
{
    pthread_t thread;
    if (step != wanted_step)
        return;
    if (GC_pthread_create(&thread, NULL, collect_once, NULL) != 0 || GC_pthread_join(thread, NULL) != 0)
        abort();
}

static int start_around_a_collection(void *step)
{
    wanted_step = *(int *)step;
    GC_INIT();
    at_step = collect_elsewhere;
    CHECK(hapax_init() == 0);
    return everything_works();
}

static int start_around_a_collection_in_steps(void *step)
{
    GC_INIT();
    GC_enable_incremental();
    return start_around_a_collection(step);
}

Test(start_beside, a_collection_between_any_two_steps)
{
    for (int step = 0; step < STEPS; step++) {
        cr_expect_eq(in_child(start_around_a_collection, &step), 0, "%d", step);
        cr_expect_eq(in_child(start_around_a_collection_in_steps, &step), 0, "incremental, %d", step);
    }
}

/* ---- Threads that the collector does not know ---- */

static void *call_from_an_unknown_thread(void *unused)
{
    (void)unused;
    errno = 0;
    bool refused = hapax_init() == -1 && errno == ENOTSUP;
    errno = 0;
    refused = refused && hapax_intern("x") == NULL && errno == ENOTSUP;
    hapax_collect();
    return (void *)(uintptr_t)refused;
}

static void *call_from_a_thread_made_known(void *unused)
{
    (void)unused;
    return (void *)(uintptr_t)(everything_works() == 0);
}

/* The collector works without locks until it hears of threads: the main one may be allocating. */
static int first_call_from_an_unknown_thread(void *unused)
{
    (void)unused;
    GC_INIT();
    CHECK(in_thread(call_from_an_unknown_thread, NULL) != NULL);
    CHECK(hapax_init() == 0);
    CHECK(in_thread(call_from_a_thread_made_known, NULL) != NULL);
    return everything_works();
}

Test(start_beside, a_thread_unknown_to_the_programs_collector_is_refused)
{
    cr_expect_eq(in_child(first_call_from_an_unknown_thread, NULL), 0);
    char heard[4096];
    setenv("HAPAX_DEBUG", "errors", 1);
    cr_expect_eq(in_child_heard(first_call_from_an_unknown_thread, NULL, heard, sizeof heard), 0);
    cr_expect_not_null(strstr(heard, "hapax: hapax_init: the program has started the collector itself"), "%s", heard);
}

/* ---- Forks ---- */

static void *call_first(void *barrier)
{
    pthread_barrier_wait(barrier);
    return (void *)(uintptr_t)(hapax_intern("x") != NULL);
}

static int call_in_child(void *unused)
{
    (void)unused;
    alarm(10);
    return everything_works();
}

static int fork_beside_the_start(void *turns)
{
    pthread_barrier_t barrier;
    pthread_t thread;
    void *result;
    pthread_barrier_init(&barrier, NULL, 2);
    CHECK(pthread_create(&thread, NULL, call_first, &barrier) == 0);
    pthread_barrier_wait(&barrier);
    for (volatile uintptr_t i = 0; i < (uintptr_t)turns; i++)
        ;
    CHECK(in_child(call_in_child, NULL) == 0);
    CHECK(pthread_join(thread, &result) == 0 && result != NULL);
    return everything_works();
}

Test(start_beside, forks)
{
    for (uintptr_t round = 0; round < 60; round++)
        cr_expect_eq(in_child(fork_beside_the_start, (void *)(round * 5000)), 0, "%zu", (size_t)round);
}

static sem_t arrived, forked;

/* A fork either waits for the start, or goes on beside it; for the first, the start goes on after a while. */
static void let_others_fork(int step)
{
    struct timespec until;
    if (step != wanted_step)
        return;
    at_step = NULL;
    sem_post(&arrived);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec++;
    while (sem_timedwait(&forked, &until) != 0 && errno == EINTR)
        ;
}

static void *start_library(void *unused)
{
    (void)unused;
    return (void *)(uintptr_t)(hapax_init() == 0);
}

static int fork_amidst_the_start(int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))
{
    pthread_t thread;
    void *result;
    sem_init(&arrived, 0, 0);
    sem_init(&forked, 0, 0);
    at_step = let_others_fork;
    CHECK(create(&thread, NULL, start_library, NULL) == 0);
    while (sem_wait(&arrived) != 0)
        ;
    CHECK(in_child(call_in_child, NULL) == 0);
    sem_post(&forked);
    CHECK(pthread_join(thread, &result) == 0 && result != NULL);
    return everything_works();
}

static int fork_amidst_our_start(void *step)
{
    wanted_step = *(int *)step;
    return fork_amidst_the_start(pthread_create);
}

static int fork_amidst_a_start_beside_the_collector(void *step)
{
    wanted_step = *(int *)step;
    GC_INIT();
    GC_allow_register_threads();
    return fork_amidst_the_start(GC_pthread_create);
}

Test(start_beside, a_fork_at_any_step)
{
    for (int step = 0; step < STEPS; step++) {
        cr_expect_eq(in_child(fork_amidst_our_start, &step), 0, "%d", step);
        cr_expect_eq(in_child(fork_amidst_a_start_beside_the_collector, &step), 0, "the program's collector, %d", step);
    }
}
