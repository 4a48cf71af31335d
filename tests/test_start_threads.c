/* SPDX-License-Identifier: MIT */
/* The start of the library beside the collector, and in whatever thread. */
#include "config.h"

#include "entry_calls.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <unistd.h>

/* ---- Beside the collector ---- */

static int after_the_collector(void *entry)
{
    GC_INIT();
    for (int i = 0; i < 1000; i++)
        GC_MALLOC(100);
    GC_gcollect();
    return first_call(entry);
}

static void call_intern_only(void)
{
    right = hapax_intern("x") != NULL;
}

Test(start, after_the_program_has_started_the_collector)
{
    static const struct entry entry = {"intern", call_intern_only};
    cr_assert_eq(in_child(after_the_collector, (void *)(uintptr_t)&entry), 0);
}

enum { STARTERS = 8 };
static pthread_barrier_t barrier;

static void *start_together(void *number)
{
    pthread_barrier_wait(&barrier);
    entries[(uintptr_t)number * 3].call();
    return hapax_intern("x") != NULL ? hapax_strings() : NULL;
}

static void *ask_for_strings_first(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&barrier);
    hapax_table *first = hapax_strings();
    return first == hapax_strings() ? first : NULL;
}

static int race_for_strings(void *unused)
{
    pthread_t threads[STARTERS];
    pthread_barrier_init(&barrier, NULL, STARTERS);
    for (uintptr_t i = 0; i < STARTERS; i++)
        CHECK(pthread_create(&threads[i], NULL, ask_for_strings_first, unused) == 0);
    for (size_t i = 0; i < STARTERS; i++) {
        void *strings;
        CHECK(pthread_join(threads[i], &strings) == 0);
        CHECK(strings == hapax_strings());
    }
    return 0;
}

static int race_to_start(void *unused)
{
    (void)unused;
    pthread_t threads[STARTERS];
    pthread_barrier_init(&barrier, NULL, STARTERS);
    for (uintptr_t i = 0; i < STARTERS; i++)
        CHECK(pthread_create(&threads[i], NULL, start_together, (void *)i) == 0);
    for (size_t i = 0; i < STARTERS; i++) {
        void *strings;
        CHECK(pthread_join(threads[i], &strings) == 0);
        CHECK(strings == hapax_strings());
    }
    return everything_works();
}

Test(start, in_several_threads_at_once)
{
    for (int round = 0; round < 30; round++)
        cr_assert(in_child(race_to_start, NULL) == 0 && in_child(race_for_strings, NULL) == 0);
}

/* ---- The thread that started it ---- */

static void *hold_on_its_stack(void *unused)
{
    void *held[100];
    for (size_t i = 0; i < 100; i++) {
        held[i] = hapax_alloc(32);
        weak[i] = hapax_weak_make(held[i]);
    }
    hapax_keep_alive(held);
    collect();
    (void)unused;
    size_t dead = count_dead(weak, 100);
    hapax_keep_alive(held);
    return (void *)dead;
}

static int starter_is_searched(void *unused)
{
    CHECK(in_thread(hold_on_its_stack, unused) == NULL);
    /* The main thread is like any other now. */
    CHECK(hold_on_its_stack(unused) == NULL);
    return everything_works();
}

Test(start, the_stack_of_the_first_thread_is_searched)
{
    cr_assert_eq(in_child(starter_is_searched, NULL), 0);
}

static sem_t started, go_on;

static void *start_deaf(void *unused)
{
    (void)unused;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    void *object = hapax_alloc(10);
    sem_post(&started);
    while (sem_wait(&go_on) != 0)
        ;
    return object;
}

static int starter_is_deaf(void *unused)
{
    pthread_t thread;
    sem_init(&started, 0, 0);
    sem_init(&go_on, 0, 0);
    CHECK(pthread_create(&thread, NULL, start_deaf, unused) == 0);
    sem_wait(&started);
    CHECK(everything_works() == 0);
    sem_post(&go_on);
    pthread_join(thread, NULL);
    return everything_works();
}

Test(start, in_a_thread_that_blocks_all_signals)
{
    cr_assert_eq(in_child(starter_is_deaf, NULL), 0);
}

static void *start_and_end(void *unused)
{
    (void)unused;
    return hapax_alloc(10);
}

/* A thread that the collector's own pthread_create has made known, and makes unknown. */
static void *use_and_end(void *unused)
{
    (void)unused;
    return hapax_alloc(10);
}

static int starters_identity_is_reused(void *unused)
{
    in_thread(start_and_end, unused);
    hapax_init();
    /* The system gives the names of threads that are gone to new ones. */
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        CHECK(GC_pthread_create(&thread, NULL, use_and_end, NULL) == 0);
        CHECK(GC_pthread_join(thread, NULL) == 0);
        collect();
    }
    return everything_works();
}

Test(start, a_later_thread_is_not_taken_for_the_first)
{
    cr_assert_eq(in_child(starters_identity_is_reused, NULL), 0);
}

static pthread_t main_thread;

static void *go_on_without_main(void *unused)
{
    (void)unused;
    pthread_join(main_thread, NULL);
    _exit(everything_works());
}

static int main_thread_ends(void *unused)
{
    (void)unused;
    pthread_t thread;
    main_thread = pthread_self();
    CHECK(hapax_init() == 0);
    CHECK(pthread_create(&thread, NULL, go_on_without_main, NULL) == 0);
    pthread_exit(NULL);
}

Test(start, the_main_thread_may_end_before_the_others)
{
    cr_assert_eq(in_child(main_thread_ends, NULL), 0);
}
