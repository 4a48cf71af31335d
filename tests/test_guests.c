/* SPDX-License-Identifier: MIT */
/* Threads that somebody else has made known to the collector, and takes off without a word; and threads at their
 * end. */
#include "config.h"

#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

static void start(void)
{
    GC_INIT();
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(guests, .timeout = 120);

enum { HELD = 500 };
static sem_t made, go_on;

static void name(char *text, size_t room, int i)
{
    snprintf(text, room, "a string that only one stack holds, number %d", i);
}

/* Handles that stand on this stack only, while others collect and make strings. How many are lost. */
static uintptr_t hold(void)
{
    hapax_handle volatile held[HELD];
    char text[80];
    uintptr_t lost = 0;
    for (int i = 0; i < HELD; i++) {
        name(text, sizeof text, i);
        held[i] = hapax_intern(text);
    }
    sem_post(&made);
    while (sem_wait(&go_on) != 0)
        ;
    for (int i = 0; i < HELD; i++) {
        name(text, sizeof text, i);
        lost += strcmp(hapax_handle_value(held[i]), text) != 0 || hapax_intern(text) != held[i];
    }
    return lost;
}

static uintptr_t lost_at_the_end;

static void hold_at_the_end(void *unused)
{
    (void)unused;
    lost_at_the_end = hold();
}

static void make_other(size_t i)
{
    char text[80];
    snprintf(text, sizeof text, "another string of about the length, number %zu", i);
    hapax_intern(text);
}

static void holds_what_it_holds(int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *),
                                void *(*work)(void *))
{
    pthread_t thread;
    void *result;
    sem_init(&made, 0, 0);
    sem_init(&go_on, 0, 0);
    lost_at_the_end = 0;
    cr_assert_eq(create(&thread, NULL, work, NULL), 0);
    sem_wait(&made);
    for (int i = 0; i < 3; i++) {
        collect();
        make_each(10 * MANY, make_other);
    }
    sem_post(&go_on);
    pthread_join(thread, &result);
    cr_expect_eq((uintptr_t)result + lost_at_the_end, 0, "%zu lost", (size_t)((uintptr_t)result + lost_at_the_end));
    collect();
}

/* ---- Taken off ---- */

static void register_thread(void)
{
    struct GC_stack_base base;
    if (GC_get_stack_base(&base) != GC_SUCCESS || GC_register_my_thread(&base) != GC_SUCCESS)
        abort();
}

static void *taken_off_by_itself(void *unused)
{
    (void)unused;
    register_thread();
    hapax_init();
    GC_unregister_my_thread();
    return (void *)hold();
}

static void *taken_off_twice(void *unused)
{
    (void)unused;
    for (int i = 0; i < 2; i++) {
        register_thread();
        hapax_intern("x");
        GC_unregister_my_thread();
    }
    register_thread();
    uintptr_t lost = hold();
    GC_unregister_my_thread();
    return (void *)lost;
}

Test(guests, a_thread_that_takes_itself_off, .init = start)
{
    holds_what_it_holds(pthread_create, taken_off_by_itself);
    holds_what_it_holds(pthread_create, taken_off_twice);
}

static pthread_key_t early, late;

static void *end_with_key(void *key)
{
    hapax_init();
    pthread_setspecific(*(pthread_key_t *)key, key);
    return NULL;
}
static void *end_with_early_key(void *unused)
{
    (void)unused;
    return end_with_key(&early);
}
static void *end_with_late_key(void *unused)
{
    (void)unused;
    return end_with_key(&late);
}
static void *end_without_a_call(void *unused)
{
    pthread_setspecific(early, &early);
    return unused;
}

static void make_early_key(void)
{
    cr_assert_eq(pthread_key_create(&early, hold_at_the_end), 0);
    start();
    cr_assert_eq(pthread_key_create(&late, hold_at_the_end), 0);
}

/* The collector takes off threads of its own making before destructors run. */
Test(guests, destructors_in_threads_of_the_collectors, .init = make_early_key)
{
    holds_what_it_holds(GC_pthread_create, end_with_early_key);
    holds_what_it_holds(GC_pthread_create, end_with_late_key);
    holds_what_it_holds(GC_pthread_create, end_without_a_call);
    holds_what_it_holds(pthread_create, end_with_early_key);
    holds_what_it_holds(pthread_create, end_with_late_key);
    holds_what_it_holds(pthread_create, end_without_a_call);
}

#ifdef __GLIBC__
/* What C++ calls for each object of storage class thread_local. */
int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *library);
extern void *__dso_handle;

static void *destroyed_after_the_library(void *unused)
{
    __cxa_thread_atexit_impl(hold_at_the_end, NULL, &__dso_handle);
    hapax_init();
    return unused;
}
static void *destroyed_before_the_library(void *unused)
{
    hapax_init();
    __cxa_thread_atexit_impl(hold_at_the_end, NULL, &__dso_handle);
    return unused;
}

Test(guests, thread_local_objects_in_threads_of_the_collectors, .init = start)
{
    holds_what_it_holds(GC_pthread_create, destroyed_after_the_library);
    holds_what_it_holds(GC_pthread_create, destroyed_before_the_library);
    holds_what_it_holds(pthread_create, destroyed_after_the_library);
    holds_what_it_holds(pthread_create, destroyed_before_the_library);
}
#endif

/* ---- The last rounds of destructors ---- */

static pthread_key_t keys[2];
static atomic_int calls;

/* Comes back in every round that there is. */
static void call_again(void *key)
{
    void *object = hapax_alloc(40);
    if (hapax_intern("in a destructor") != NULL && hapax_weak_value(hapax_weak_make(object)) == object)
        atomic_fetch_add(&calls, 1);
    pthread_setspecific(*(pthread_key_t *)key, key);
}

static void make_keys_around(void)
{
    cr_assert_eq(pthread_key_create(&keys[0], call_again), 0);
    start();
    cr_assert_eq(pthread_key_create(&keys[1], call_again), 0);
}

static void *call_in_all_rounds(void *calls_before)
{
    for (size_t i = 0; i < 2; i++)
        pthread_setspecific(keys[i], &keys[i]);
    if (calls_before != NULL)
        hapax_init();
    return NULL;
}

Test(guests, calls_in_the_last_round_of_destructors, .init = make_keys_around)
{
    enum { ROUNDS = 50 };
    for (int round = 0; round < ROUNDS; round++) {
        for (uintptr_t before = 0; before < 2; before++) {
            pthread_t plain, collectors;
            cr_assert_eq(pthread_create(&plain, NULL, call_in_all_rounds, (void *)before), 0);
            cr_assert_eq(GC_pthread_create(&collectors, NULL, call_in_all_rounds, (void *)before), 0);
            cr_assert_eq(pthread_join(plain, NULL), 0);
            cr_assert_eq(GC_pthread_join(collectors, NULL), 0);
        }
        /* One that had stayed known after its end would be waited for, in vain. */
        hapax_collect();
    }
    cr_assert_eq(atomic_load(&calls), ROUNDS * 2 * 2 * 2 * PTHREAD_DESTRUCTOR_ITERATIONS);
}

/* ---- Readers ---- */

static hapax_handle shared;

static void *only_read(void *reader)
{
    bool before = GC_thread_is_registered();
    switch ((uintptr_t)reader) {
    case 0:
        hapax_handle_value(shared);
        break;
    case 1:
        hapax_handle_size(shared);
        break;
    case 2:
        hapax_handle_hash(shared);
        break;
    case 3:
        hapax_mapped_file_bytes(NULL);
        break;
    case 4:
        hapax_string(shared);
        break;
    case 5:
        hapax_handle_compare(shared, shared);
        break;
    case 6:
        hapax_symbols_index(NULL, shared);
        break;
    case 7:
        hapax_symbols_handle(NULL, 0);
        break;
    default:
        hapax_keep_alive(shared);
    }
    return (void *)(uintptr_t)(!before && GC_thread_is_registered());
}
enum { READERS = 9 };

/* It may be unknown on purpose, and what it reads held by others. */
Test(guests, readers_make_no_thread_known_to_the_programs_collector, .init = start)
{
    shared = hapax_intern("shared");
    for (uintptr_t reader = 0; reader < READERS; reader++)
        cr_expect_null(in_thread(only_read, (void *)reader), "%zu", (size_t)reader);
}

static void start_alone(void)
{
    cr_assert_eq(hapax_init(), 0);
}

Test(guests, readers_make_their_thread_known_where_the_collector_is_ours, .init = start_alone)
{
    shared = hapax_intern("shared");
    for (uintptr_t reader = 0; reader < READERS; reader++)
        cr_expect_not_null(in_thread(only_read, (void *)reader), "%zu", (size_t)reader);
}

/* ---- Coroutines of a thread that the program has registered ---- */

enum { STACK_BYTES = 256 << 10 };
static ucontext_t scheduler, coroutine;
static void *born_with, *made_for;     /* where the two stacks begin */
static uintptr_t lost_in_coroutine;

/* As bdwgc asks of a program that changes the stack. */
static void change(ucontext_t *from, ucontext_t *to, void *base)
{
    struct GC_stack_base before, next = {.mem_base = base};
    void *thread = GC_get_my_stackbottom(&before);
    GC_disable();
    GC_set_stackbottom(thread, &next);
    swapcontext(from, to);
    GC_enable();
}

__attribute__((noinline)) static void make_others(int from)
{
    char text[80];
    for (int i = 0; i < HELD; i++) {
        name(text, sizeof text, from + i);
        (void)hapax_intern(text);
    }
}

static void hold_in_coroutine(void)
{
    hapax_handle volatile held[HELD];
    char text[80];
    GC_enable();
    for (int i = 0; i < HELD; i++) {
        name(text, sizeof text, i);
        held[i] = hapax_intern(text);
    }
    for (int round = 0; round < 2; round++) {
        collect();
        make_others((round + 1) * HELD);
        change(&coroutine, &scheduler, born_with);
    }
    for (int i = 0; i < HELD; i++) {
        name(text, sizeof text, i);
        lost_in_coroutine += hapax_intern(text) != held[i];
    }
    change(&coroutine, &scheduler, born_with);
}

/* Once it runs in a collection, twice it waits. */
Test(guests, coroutines_are_searched_if_the_program_tells_of_their_stacks, .init = start)
{
    struct GC_stack_base base;
    char *stack = malloc(STACK_BYTES);
    cr_assert_eq(hapax_add_roots(stack, STACK_BYTES), 0);
    (void)GC_get_my_stackbottom(&base);
    born_with = base.mem_base;
    made_for = stack + STACK_BYTES;
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = STACK_BYTES;
    makecontext(&coroutine, hold_in_coroutine, 0);
    lost_in_coroutine = 0;
    for (int round = 0; round < 3; round++) {
        change(&scheduler, &coroutine, made_for);
        collect();
        make_others((round + 3) * HELD);
    }
    cr_expect_eq(lost_in_coroutine, 0);
    hapax_remove_roots(stack, STACK_BYTES);
    free(stack);
}
