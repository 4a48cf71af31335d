/* SPDX-License-Identifier: MIT */
/* Threads that are cancelled inside functions that the program has given to the library: they stay until the function
 * has returned, and leave everything as others expect it. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static sem_t inside, cancelled;

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
    sem_init(&inside, 0, 0);
    sem_init(&cancelled, 0, 0);
}

TestSuite(cancelled, .init = start, .timeout = 60);

static atomic_bool armed;       /* the next call of a function waits inside until its thread is cancelled */
static atomic_bool came_back;

static void be_cancelled_inside(void)
{
    if (!atomic_exchange(&armed, false))
        return;
    sem_post(&inside);
    /* Without a cancellation point, so that it cannot come too early. */
    while (sem_trywait(&cancelled) != 0)
        sched_yield();
    pthread_testcancel();
    atomic_store(&came_back, true);
}

/* Runs work in a thread that is cancelled inside a function of the program's, and then unmaps its stack. */
static void cancel_inside(void *(*work)(void *))
{
    enum { STACK_BYTES = 1 << 20 };
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    cr_assert_eq(pthread_attr_setstack(&attributes, stack, STACK_BYTES), 0);
    atomic_store(&came_back, false);
    atomic_store(&armed, true);
    cr_assert_eq(pthread_create(&thread, &attributes, work, NULL), 0);
    while (sem_wait(&inside) != 0)
        ;
    cr_assert_eq(pthread_cancel(thread), 0);
    sem_post(&cancelled);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    munmap(stack, STACK_BYTES);
    cr_expect(atomic_load(&came_back), "the function was left");
}

/* ---- Caches ---- */

static hapax_cache *cache;

static void *create(const void *key, size_t size, void *context, int *error)
{
    (void)key, (void)size, (void)context, (void)error;
    be_cancelled_inside();
    return hapax_alloc(16);
}

static void *get(void *unused)
{
    (void)unused;
    return hapax_cache_get(cache, "key", 3, NULL);
}

Test(cancelled, create)
{
    cache = hapax_cache_new(create, NULL);
    cr_assert_eq(hapax_pin(cache), 0);
    cancel_inside(get);
    cr_expect_not_null(hapax_cache_get(cache, "key", 3, NULL));
    cr_expect_not_null(in_thread(get, NULL));
}

/* ---- Cleanups and finalizers ---- */

static atomic_size_t runs;

static void clean(void *unused)
{
    (void)unused;
    be_cancelled_inside();
    atomic_fetch_add(&runs, 1);
}

static void finalize(void *object, void *unused)
{
    (void)object;
    clean(unused);
}

static void add_cleanup(size_t i)
{
    (void)i;
    if (hapax_add_cleanup(hapax_alloc(32), clean, NULL, NULL) != 0)
        abort();
}

static void add_finalizer(size_t i)
{
    (void)i;
    if (hapax_set_finalizer(hapax_alloc(32), finalize, NULL) != 0)
        abort();
}

static void *drain(void *unused)
{
    hapax_run_cleanups();
    return unused;
}

static void cancelled_while_draining(void (*add)(size_t i))
{
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    atomic_store(&runs, 0);
    make_each(MANY, add);
    collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_geq(stats.cleanups_queued, MOST);
    cancel_inside(drain);
    cr_expect_eq(atomic_load(&runs), 1, "it ends after the one that it is in");
    cr_expect_not(hapax_wait_cleanups(10));
    hapax_run_cleanups();
    cr_expect(hapax_wait_cleanups(10));
    cr_expect_geq(atomic_load(&runs), stats.cleanups_queued);
}

Test(cancelled, cleanup_and_finalizer_while_draining)
{
    cancelled_while_draining(add_cleanup);
    cancelled_while_draining(add_finalizer);
}

static void cancel_itself(void *unused)
{
    (void)unused;
    pthread_cancel(pthread_self());
    pthread_testcancel();
    atomic_fetch_add(&runs, 1);
}

static void add_self_cancelling(size_t i)
{
    (void)i;
    if (hapax_add_cleanup(hapax_alloc(32), cancel_itself, NULL, NULL) != 0)
        abort();
}

Test(cancelled, a_cleanup_on_a_thread_of_the_librarys)
{
    make_each(MANY, add_self_cancelling);
    collect();
    cr_expect(hapax_wait_cleanups(FOR_EVER));
    cr_expect_geq(atomic_load(&runs), MOST);
}

static void tick(void *unused)
{
    cancel_itself(unused);
}

Test(cancelled, a_tick)
{
    static int owner;
    hapax_worker *worker = hapax_worker_start(&owner, tick, NULL, 1);
    cr_assert_not_null(worker);
    while (atomic_load(&runs) < 5)
        sched_yield();
    hapax_worker_stop(worker);
}

/* ---- Tables ---- */

static hapax_table *table;
static hapax_handle handles[MANY];

static void make_number(size_t i)
{
    handles[i] = hapax_make_handle(table, &i, sizeof i);
}

static bool visit(hapax_handle handle, void *count)
{
    (void)handle;
    be_cancelled_inside();
    ++*(size_t *)count;
    return true;
}

static void *walk(void *unused)
{
    size_t count = 0;
    hapax_table_each(table, visit, &count);
    return unused;
}

Test(cancelled, visit)
{
    struct hapax_type type = {.size = sizeof(size_t)};
    table = hapax_table_new(&type, HAPAX_TABLE_KEEPS_VALUES);
    cr_assert_eq(hapax_pin(table), 0);
    make_each(MANY, make_number);
    cancel_inside(walk);
    size_t count = 0;
    cr_expect(hapax_table_each(table, visit, &count));
    cr_expect_eq(count, MANY);
}

static bool equal(const void *a, const void *b, size_t size)
{
    be_cancelled_inside();
    return memcmp(a, b, size) == 0;
}

static bool copy(void *to, const void *from, size_t size)
{
    be_cancelled_inside();
    memcpy(to, from, size);
    return true;
}

static void *make_all(void *unused)
{
    for (size_t i = 0; i < MANY; i++)
        make_number(i);
    return unused;
}

static void cancelled_while_making(const struct hapax_type *type)
{
    table = hapax_table_new(type, HAPAX_TABLE_KEEPS_VALUES);
    cr_assert_eq(hapax_pin(table), 0);
    cancel_inside(make_all);
    make_all(NULL);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(hapax_make_handle(table, &i, sizeof i), handles[i]);
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_expect_eq(stats.live, MANY);
}

Test(cancelled, equal_and_copy)
{
    cancelled_while_making(&(struct hapax_type){.size = sizeof(size_t), .equal = equal});
    cancelled_while_making(&(struct hapax_type){.size = sizeof(size_t), .copy = copy});
}
