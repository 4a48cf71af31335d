/* SPDX-License-Identifier: MIT */
/* Threads: those nobody has told the collector of, those somebody else has, and how they end. */
#include "config.h"

#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(threads, .init = start, .timeout = 60);

enum { THREADS = 6, HELD = 50 };

static hapax_weak weak[THREADS][HELD];
static sem_t ready, go_on;

static void semaphores(void)
{
    sem_init(&ready, 0, 0);
    sem_init(&go_on, 0, 0);
}

/* Holds objects on its stack only, while others collect. */
static void *hold(void *number)
{
    hapax_weak *mine = weak[(uintptr_t)number];
    void *held[HELD];
    for (size_t i = 0; i < HELD; i++) {
        held[i] = hapax_alloc(32);
        mine[i] = hapax_weak_make(held[i]);
    }
    hapax_keep_alive(held);
    sem_post(&ready);
    while (sem_wait(&go_on) != 0)
        ;
    uintptr_t lost = 0;
    for (size_t i = 0; i < HELD; i++)
        lost += hapax_weak_value(mine[i]) != held[i];
    hapax_keep_alive(held);
    return (void *)lost;
}

static void all_hold(int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *),
                     int (*join)(pthread_t, void **), void *(*work)(void *))
{
    semaphores();
    for (int round = 0; round < 3; round++) {
        pthread_t threads[THREADS];
        for (uintptr_t i = 0; i < THREADS; i++)
            cr_assert_eq(create(&threads[i], NULL, work, (void *)i), 0);
        for (size_t i = 0; i < THREADS; i++)
            sem_wait(&ready);
        collect();
        collect();
        for (size_t i = 0; i < THREADS; i++)
            sem_post(&go_on);
        for (size_t i = 0; i < THREADS; i++) {
            void *lost;
            cr_assert_eq(join(threads[i], &lost), 0);
            cr_assert_eq((uintptr_t)lost, 0);
        }
        /* They are gone, and so is what they held. */
        collect();
        size_t dead = 0;
        for (size_t i = 0; i < THREADS; i++)
            dead += count_dead(weak[i], HELD);
        cr_assert_geq(dead, THREADS * HELD * 9 / 10);
    }
}

Test(threads, unknown_ones_are_searched_from_their_first_call_on)
{
    all_hold(pthread_create, pthread_join, hold);
}

Test(threads, those_of_the_collectors_own_making)
{
    all_hold(GC_pthread_create, GC_pthread_join, hold);
}

static void *register_and_hold(void *number)
{
    struct GC_stack_base base;
    if (GC_get_stack_base(&base) != GC_SUCCESS || GC_register_my_thread(&base) != GC_SUCCESS)
        abort();
    void *result = hold(number);
    if (GC_unregister_my_thread() != GC_SUCCESS)
        abort();
    return result;
}

Test(threads, those_that_register_themselves)
{
    all_hold(pthread_create, pthread_join, register_and_hold);
}

static void *hold_then_register(void *number)
{
    hapax_init();
    struct GC_stack_base base;
    if (GC_get_stack_base(&base) != GC_SUCCESS || GC_register_my_thread(&base) != GC_DUPLICATE)
        abort();
    return hold(number);
}

Test(threads, ours_are_known_to_everybody)
{
    all_hold(pthread_create, pthread_join, hold_then_register);
}

/* A thread that waits without any call that a signal could end, all signals blocked. */
static void *hold_deaf(void *number)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    return hold(number);
}

Test(threads, those_that_block_all_signals)
{
    all_hold(pthread_create, pthread_join, hold_deaf);
}

/* Where the collector learns of writes by what the processor raises, that has to come through as well. */
static void *write_deaf(void *wrong)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    void **list = NULL;
    for (int i = 0; i < 20000; i++) {
        void **node = hapax_alloc(32);
        node[0] = list;
        list = i % 100 != 0 ? node : NULL;
        if (list != NULL && list[0] != NULL)
            ((void **)list[0])[1] = node;
        if (i % 2000 == 0)
            hapax_collect();
    }
    return wrong;
}

static int write_in_a_deaf_thread(void *create)
{
    pthread_t thread;
    GC_enable_incremental();
    CHECK(((int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))create)(&thread, NULL, write_deaf,
                                                                                           NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return 0;
}

Test(threads, those_that_block_all_signals_and_write_while_the_collector_watches)
{
    cr_expect_eq(in_child(write_in_a_deaf_thread, (void *)(uintptr_t)pthread_create), 0);
    cr_expect_eq(in_child(write_in_a_deaf_thread, (void *)(uintptr_t)GC_pthread_create), 0);
}

/* ---- Threads that only read ---- */

static void *read_only(void *data)
{
    hapax_handle *given = data;
    hapax_init();
    hapax_handle mine[HELD];
    memcpy(mine, given, sizeof mine);
    sem_post(&ready);
    while (sem_wait(&go_on) != 0)
        ;
    uintptr_t wrong = 0;
    for (size_t i = 0; i < HELD; i++) {
        char text[40];
        snprintf(text, sizeof text, "given to a thread, %zu", i);
        wrong += strcmp(hapax_handle_value(mine[i]), text) != 0;
    }
    return (void *)wrong;
}

static hapax_handle given[HELD];

static void make_given(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "given to a thread, %zu", i);
    given[i] = hapax_intern(text);
}

static void overwrite_free_memory(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "something else, number %zu", i);
    hapax_intern(text);
}

Test(threads, one_that_only_reads_and_has_said_so)
{
    semaphores();
    make_each(HELD, make_given);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, read_only, given), 0);
    sem_wait(&ready);
    memset(given, 0, sizeof given);
    for (int round = 0; round < 3; round++) {
        collect();
        make_each(MANY, overwrite_free_memory);
    }
    sem_post(&go_on);
    void *wrong;
    pthread_join(thread, &wrong);
    cr_assert_eq((uintptr_t)wrong, 0);
}

static void *take_argument(void *object)
{
    /* Held by its creator until this first call. */
    hapax_init();
    sem_post(&ready);
    while (sem_wait(&go_on) != 0)
        ;
    return (void *)(uintptr_t)(*(uint64_t *)object != 4711);
}

Test(threads, what_a_new_thread_is_given_lives_through_its_creator)
{
    semaphores();
    pthread_t threads[THREADS];
    uint64_t *objects[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        objects[i] = hapax_alloc(sizeof **objects);
        *objects[i] = 4711;
        cr_assert_eq(pthread_create(&threads[i], NULL, take_argument, objects[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        sem_wait(&ready);
    memset(objects, 0, sizeof objects);
    for (int round = 0; round < 3; round++) {
        collect();
        for (int i = 0; i < 1000; i++)
            memset(hapax_alloc(8), 0xdd, 8);
    }
    for (size_t i = 0; i < THREADS; i++)
        sem_post(&go_on);
    for (size_t i = 0; i < THREADS; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        cr_assert_eq((uintptr_t)wrong, 0);
    }
}

/* ---- How threads end ---- */

static void *use_and_return(void *seed)
{
    char text[40];
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "%zu/%d", (size_t)seed, i % 25);
        if (hapax_intern(text) == NULL || hapax_alloc_plain(100) == NULL)
            abort();
    }
    return NULL;
}

Test(threads, many_come_and_go_while_others_collect)
{
    for (uintptr_t round = 0; round < 50; round++) {
        pthread_t threads[THREADS];
        for (uintptr_t i = 0; i < THREADS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, use_and_return, (void *)(round % 5 * 100 + i)), 0);
        hapax_collect();
        for (size_t i = 0; i < THREADS; i++)
            cr_assert_eq(pthread_join(threads[i], NULL), 0);
    }
}

static void *use_and_exit(void *seed)
{
    use_and_return(seed);
    pthread_exit(NULL);
}

static void *use_and_be_cancelled(void *seed)
{
    use_and_return(seed);
    sem_post(&ready);
    for (;;)
        pause();
    return NULL;
}

Test(threads, by_pthread_exit_cancellation_and_detached)
{
#ifdef HAPAX_HARD_TESTS
    cr_skip_test(
        "a thread that is cancelled while bdwgc has stopped it never says that it goes on; here it stops them always");
#endif
    semaphores();
    for (uintptr_t round = 0; round < 20; round++) {
        pthread_t exits, cancelled, detached;
        cr_assert_eq(pthread_create(&exits, NULL, use_and_exit, (void *)round), 0);
        cr_assert_eq(pthread_create(&cancelled, NULL, use_and_be_cancelled, (void *)round), 0);
        cr_assert_eq(pthread_create(&detached, NULL, use_and_return, (void *)round), 0);
        pthread_detach(detached);
        sem_wait(&ready);
        pthread_cancel(cancelled);
        hapax_collect();
        cr_assert_eq(pthread_join(exits, NULL), 0);
        cr_assert_eq(pthread_join(cancelled, NULL), 0);
        hapax_collect();
    }
}

static pthread_key_t late;
static atomic_size_t late_calls;

static void call_at_the_end(void *data)
{
    (void)data;
    if (hapax_intern("at the end of a thread") != NULL && hapax_alloc(100) != NULL && GC_thread_is_registered())
        atomic_fetch_add(&late_calls, 1);
}

static void *end_late(void *seed)
{
    pthread_setspecific(late, &late);
    return use_and_return(seed);
}

Test(threads, calls_from_destructors_of_thread_specific_data)
{
    /* Those keys run before ours and after it, whichever was made first. */
    cr_assert_eq(pthread_key_create(&late, call_at_the_end), 0);
    for (uintptr_t round = 0; round < 50; round++) {
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, end_late, (void *)round), 0);
        cr_assert_eq(pthread_join(thread, NULL), 0);
        hapax_collect();
    }
    cr_assert_eq(atomic_load(&late_calls), 50);
}

/* A later thread takes over what an earlier one had left of its free objects: nothing of it may be lost or shared. */
static void *keep_plain(void *result)
{
    void **mine = result;
    for (size_t i = 0; i < 400; i++) {
        mine[i] = hapax_alloc_plain(24);
        memset(mine[i], (int)i, 24);
    }
    return NULL;
}

Test(threads, free_objects_are_never_handed_out_twice)
{
    static void *objects[THREADS * 20][400];
    for (size_t round = 0; round < 20; round++) {
        pthread_t threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
            cr_assert_eq(pthread_create(&threads[i], NULL, keep_plain, objects[round * THREADS + i]), 0);
        hapax_collect();
        for (size_t i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < THREADS * 20; i++)
        for (size_t j = 0; j < 400; j++)
            for (size_t k = 0; k < 24; k++)
                cr_assert_eq(((unsigned char *)objects[i][j])[k], (unsigned char)j);
}

/* Everything at once, with dying values. */
static atomic_bool done;

static void *churn(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    void *own[64] = {NULL};
    while (!atomic_load(&done)) {
        random = random * 1664525 + 1013904223;
        char text[40];
        snprintf(text, sizeof text, "churned %u", random >> 22);
        hapax_handle handle = hapax_intern(text);
        if (strcmp(hapax_handle_value(handle), text) != 0 || hapax_intern(text) != handle)
            abort();
        own[random >> 26] = (void *)(uintptr_t)handle;
        if (hapax_weak_value(hapax_weak_make(handle)) != handle)
            abort();
    }
    hapax_keep_alive(own);
    return NULL;
}

Test(threads, churn_beside_collections)
{
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)), 0);
    for (int i = 0; i < 100; i++)
        hapax_collect();
    atomic_store(&done, true);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}
