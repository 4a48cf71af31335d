/* Cleanups: when they run, with what, and what stops them. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <gc/gc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT = 10000 };      /* milliseconds: long enough never to matter */

static hapax_weak weak[MANY];
static void *held[MANY];
static hapax_cleanup names[MANY];
static atomic_int runs[MANY];

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(cleanup, .init = start);

static void count_run(void *counter)
{
    atomic_fetch_add((atomic_int *)counter, 1);
}

static void not_to_be_called(void *unused)
{
    (void)unused;
    abort();
}

static void must(int result)
{
    if (result != 0)
        abort();
}

static size_t total_runs(void)
{
    size_t total = 0;
    for (size_t i = 0; i < MANY; i++)
        total += (size_t)atomic_load(&runs[i]);
    return total;
}

static void collect_and_wait(void)
{
    collect();
    cr_assert(hapax_wait_cleanups(WAIT));
}

static void make_dropped(size_t i)
{
    void *object = hapax_alloc(32);
    weak[i] = hapax_weak_make(object);
    must(hapax_add_cleanup(object, count_run, &runs[i], &names[i]));
}

static void make_held(size_t i)
{
    held[i] = hapax_alloc(32);
    must(hapax_add_cleanup(held[i], count_run, &runs[i], &names[i]));
}

static void drop(size_t i)
{
    held[i] = NULL;
}

/* ---- When ---- */

Test(cleanup, runs_once_after_death)
{
    make_each(MANY, make_dropped);
    for (int round = 0; round < 4; round++)
        collect_and_wait();
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(atomic_load(&runs[i]), hapax_weak_value(weak[i]) == NULL, "%zu", i);
    cr_assert_geq(total_runs(), MOST);
}

Test(cleanup, does_not_run_while_the_object_lives)
{
    make_each(MANY, make_held);
    for (int round = 0; round < 3; round++)
        collect_and_wait();
    cr_assert_eq(total_runs(), 0);
    make_each(MANY, drop);
    collect_and_wait();
    cr_assert_geq(total_runs(), MOST);
}

Test(cleanup, does_not_keep_its_object_alive)
{
    make_each(MANY, make_dropped);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static void make_with_several(size_t i)
{
    char *object = hapax_alloc(100);
    for (size_t j = 0; j < 5; j++)
        must(hapax_add_cleanup(object + 17 * j, count_run, &runs[i], NULL));
}

Test(cleanup, any_number_on_one_object_inside_too)
{
    make_each(MANY, make_with_several);
    collect_and_wait();
    size_t five = 0;
    for (size_t i = 0; i < MANY; i++) {
        int n = atomic_load(&runs[i]);
        cr_assert(n == 0 || n == 5, "%d", n);
        five += n == 5;
    }
    cr_assert_geq(five, MOST);
}

static void make_held_with_several(size_t i)
{
    char *object = held[i] = hapax_alloc(100);
    for (size_t j = 0; j < 5; j++)
        must(hapax_add_cleanup(object + 17 * j + i % 32, count_run, &runs[i], NULL));
}

Test(cleanup, inside_an_object_waits_for_the_object)
{
    make_each(MANY, make_held_with_several);
    for (int round = 0; round < 3; round++)
        collect_and_wait();
    cr_assert_eq(total_runs(), 0);
    make_each(MANY, drop);
    collect_and_wait();
    cr_assert_geq(total_runs(), 5 * MOST);
}

Test(cleanup, thousands_on_one_object)
{
    /* One object may stay by chance: many such objects, of which most die. */
    enum { OBJECTS = 20, EACH = 2000 };
    for (int i = 0; i < OBJECTS; i++) {
        held[i] = hapax_alloc(16);
        for (int j = 0; j < EACH; j++)
            must(hapax_add_cleanup(held[i], count_run, &runs[i], NULL));
    }
    collect_and_wait();
    cr_assert_eq(total_runs(), 0);
    make_each(OBJECTS, drop);
    collect_and_wait();
    size_t all = 0;
    for (int i = 0; i < OBJECTS; i++) {
        cr_assert(runs[i] == 0 || runs[i] == EACH);
        all += runs[i] == EACH;
    }
    cr_assert_geq(all, OBJECTS * 9 / 10);
}

static void make_cycle(size_t i)
{
    void **a = hapax_alloc(sizeof *a), **b = hapax_alloc(sizeof *b);
    *a = b;
    *b = a;
    must(hapax_add_cleanup(a, count_run, &runs[i], NULL));
    must(hapax_add_cleanup(b, count_run, &runs[i], NULL));
}

Test(cleanup, cycles_die)
{
    make_each(MANY, make_cycle);
    collect_and_wait();
    cr_assert_geq(total_runs(), 2 * MOST);
}

static void make_link(size_t i)
{
    /* Each holds the one before it; nothing but the last is held. */
    void **link = hapax_alloc(sizeof *link);
    *link = held[0];
    held[0] = link;
    must(hapax_add_cleanup(link, count_run, &runs[i], NULL));
}

Test(cleanup, a_chain_dies_in_one_collection)
{
    make_each(MANY, make_link);
    collect_and_wait();
    cr_assert_eq(total_runs(), 0);
    held[0] = NULL;
    collect_and_wait();
    cr_assert_geq(total_runs(), MOST);
}

static void make_large(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc_plain(100000), count_run, &runs[0], NULL));
}

Test(cleanup, memory_comes_back_in_the_collection_that_found_it_dead)
{
    enum { LARGE = 200 };
    hapax_set_cleanup_threads(0);
    struct hapax_stats before, after;
    GC_disable();
    make_each(LARGE, make_large);
    hapax_stats(&before);
    GC_enable();
    collect();
    hapax_stats(&after);
    /* Nothing has run, and most of the memory is free already. */
    cr_assert_eq(total_runs(), 0);
    cr_assert_geq(after.cleanups_queued, LARGE * 9 / 10);
    cr_assert_geq(after.heap_free_bytes, before.heap_free_bytes + LARGE * 100000ull / 10 * 9);
}

/* ---- The argument ---- */

static void make_with_argument(size_t i)
{
    uint64_t *argument = hapax_alloc(sizeof *argument);
    *argument = i;
    weak[i] = hapax_weak_make(argument);
    held[i] = hapax_alloc(32);
    must(hapax_add_cleanup(held[i], not_to_be_called, argument, &names[i]));
}

static void stop(size_t i)
{
    hapax_cleanup_stop(names[i]);
}

Test(cleanup, the_argument_is_kept_until_stopped)
{
    make_each(MANY, make_with_argument);
    collect();
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    make_each(MANY, stop);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static atomic_size_t arguments_found;

static void look_at_argument(void *argument)
{
    uint64_t *number = argument;
    if (number[0] != ~number[1])
        abort();
    atomic_fetch_add(&arguments_found, 1);
}

static void make_with_argument_to_run(size_t i)
{
    uint64_t *argument = hapax_alloc(2 * sizeof *argument);
    argument[0] = i;
    argument[1] = ~(uint64_t)i;
    weak[i] = hapax_weak_make(argument);
    must(hapax_add_cleanup(hapax_alloc(32), look_at_argument, argument, NULL));
}

static void overwrite_free_memory(size_t i)
{
    (void)i;
    memset(hapax_alloc(2 * sizeof(uint64_t)), 0xdd, 2 * sizeof(uint64_t));
}

Test(cleanup, the_argument_is_kept_until_it_ran)
{
    hapax_set_cleanup_threads(0);
    make_each(MANY, make_with_argument_to_run);
    for (int round = 0; round < 3; round++) {
        /* Queued, and not run: the arguments live through these. */
        collect();
        make_each(MANY, overwrite_free_memory);
    }
    cr_assert_eq(count_dead(weak, MANY), 0);
    size_t ran = hapax_run_cleanups();
    cr_assert_geq(ran, MOST);
    cr_assert_eq(atomic_load(&arguments_found), ran);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static void make_with_argument_not_to_run(size_t i)
{
    void *argument = hapax_alloc(16);
    weak[i] = hapax_weak_make(argument);
    must(hapax_add_cleanup(hapax_alloc(32), not_to_be_called, argument, &names[i]));
}

Test(cleanup, the_argument_is_let_go_by_a_stop_in_the_queue)
{
    /* Nobody comes by to take them out of the queue. */
    hapax_set_cleanup_threads(0);
    make_each(MANY, make_with_argument_not_to_run);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    make_each(MANY, stop);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_eq(hapax_run_cleanups(), 0);
}

static void make_with_argument_inside(size_t i)
{
    char *argument = hapax_alloc(64);
    weak[i] = hapax_weak_make(argument);
    held[i] = hapax_alloc(32);
    must(hapax_add_cleanup(held[i], not_to_be_called, argument + 40, NULL));
}

Test(cleanup, an_argument_inside_an_object_keeps_it)
{
    make_each(MANY, make_with_argument_inside);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

static void make_that_reaches_itself(size_t i)
{
    void **object = hapax_alloc(32), **argument = hapax_alloc(16);
    *argument = object;
    weak[i] = hapax_weak_make(object);
    must(hapax_add_cleanup(object, count_run, argument, NULL));
}

Test(cleanup, an_argument_that_reaches_the_object_keeps_it)
{
    make_each(MANY, make_that_reaches_itself);
    collect_and_wait();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

/* ---- Stopping ---- */

static void make_two(size_t i)
{
    void *object = hapax_alloc(32);
    weak[i] = hapax_weak_make(object);
    must(hapax_add_cleanup(object, not_to_be_called, NULL, &names[i]));
    must(hapax_add_cleanup(object, count_run, &runs[i], NULL));
    hapax_cleanup_stop(names[i]);
    hapax_cleanup_stop(names[i]);
}

Test(cleanup, stop_removes_exactly_that_one)
{
    make_each(MANY, make_two);
    make_each(MANY, stop);
    collect_and_wait();
    make_each(MANY, stop);
    cr_assert_geq(total_runs(), MOST);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_leq(atomic_load(&runs[i]), 1);
}

Test(cleanup, stop_after_it_ran_is_harmless)
{
    make_each(MANY, make_dropped);
    collect_and_wait();
    size_t before = total_runs();
    make_each(MANY, stop);
    /* The records are used again: the old names mean nothing to the new ones. */
    static hapax_cleanup old[MANY];
    memcpy(old, names, sizeof names);
    make_each(MANY, make_held);
    for (size_t i = 0; i < MANY; i++)
        hapax_cleanup_stop(old[i]);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_geq(stats.cleanups_pending, MANY);
    make_each(MANY, drop);
    collect_and_wait();
    cr_assert_geq(total_runs() - before, MOST);
}

Test(cleanup, stop_of_nothing_is_harmless)
{
    errno = 77;
    hapax_cleanup_stop((hapax_cleanup){0, NULL});
    cr_assert_eq(errno, 77);
}

static void stop_itself(void *number)
{
    hapax_cleanup_stop(names[(uintptr_t)number]);
    atomic_fetch_add(&runs[(uintptr_t)number], 1);
}

static void make_that_stops_itself(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), stop_itself, (void *)(uintptr_t)i, &names[i]));
}

Test(cleanup, stop_from_inside_is_harmless)
{
    make_each(MANY, make_that_stops_itself);
    collect_and_wait();
    collect_and_wait();
    cr_assert_geq(total_runs(), MOST);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_leq(atomic_load(&runs[i]), 1);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_run, total_runs());
    cr_assert_eq(stats.cleanups_queued, 0);
}

Test(cleanup, names_are_distinct)
{
    make_each(MANY, make_held);
    for (size_t i = 0; i < MANY; i++) {
        cr_assert(names[i].id != 0 && names[i].record != NULL);
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(names[i].id, names[j].id);
    }
}

/* ---- Mistakes ---- */

Test(cleanup, mistakes_are_refused)
{
    char on_stack, *from_malloc = malloc(10), *object = held[0] = hapax_alloc(50);
    const struct {
        const char *what;
        void *pointer;
        void (*function)(void *);
        void *argument;
    } mistakes[] = {
        {"no pointer", NULL, count_run, NULL},
        {"no function", object, NULL, NULL},
        {"the object as argument", object, not_to_be_called, object},
        {"the object as argument, both inside", object + 20, not_to_be_called, object + 20},
        {"an argument inside", object, not_to_be_called, object + 49},
        {"the base as argument", object + 3, not_to_be_called, object},
        {"a stack", &on_stack, not_to_be_called, NULL},
        {"malloc memory", from_malloc, not_to_be_called, NULL},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        hapax_cleanup name = {7, &name};
        errno = 0;
        cr_expect_eq(hapax_add_cleanup(mistakes[i].pointer, mistakes[i].function, mistakes[i].argument, &name), -1,
                     "%s", mistakes[i].what);
        cr_expect_eq(errno, EINVAL, "%s", mistakes[i].what);
        cr_expect(name.id == 0 && name.record == NULL, "%s", mistakes[i].what);
        cr_expect_eq(hapax_add_cleanup(mistakes[i].pointer, mistakes[i].function, mistakes[i].argument, NULL), -1);
        hapax_cleanup_stop(name);
    }
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, 0);
    free(from_malloc);
}

Test(cleanup, of_static_data_never_runs)
{
    static char fixed;
    hapax_cleanup name = {7, &name};
    cr_assert_eq(hapax_add_cleanup(&fixed, not_to_be_called, NULL, &name), 0);
    cr_assert_eq(hapax_add_cleanup("literal", not_to_be_called, NULL, NULL), 0);
    cr_assert(name.id == 0 && name.record == NULL);
    hapax_cleanup_stop(name);
    collect_and_wait();
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, 0);
}

/* ---- Where ---- */

static pthread_t program_thread;
static atomic_bool in_program_thread;

static void note_thread(void *counter)
{
    if (pthread_equal(pthread_self(), program_thread))
        atomic_store(&in_program_thread, true);
    count_run(counter);
}

static void make_noting(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), note_thread, &runs[i], NULL));
}

Test(cleanup, never_inside_a_call_that_allocates)
{
    program_thread = pthread_self();
    for (int round = 0; round < 20; round++) {
        make_each(MANY, make_noting);
        collect();
        for (size_t i = 0; i < MANY; i++) {
            held[i] = hapax_alloc(64);
            hapax_weak_make(held[i]);
            hapax_intern("a string");
        }
    }
    cr_assert(hapax_wait_cleanups(WAIT));
    cr_assert_geq(total_runs(), 20 * MOST);
    cr_assert_not(atomic_load(&in_program_thread));
}

Test(cleanup, never_inside_a_call_that_allocates_without_executors)
{
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    make_each(MANY, make_dropped);
    collect();
    for (size_t i = 0; i < 10 * MANY; i++) {
        hapax_alloc(64);
        hapax_alloc_plain(64);
        hapax_weak_make(hapax_alloc(16));
        must(hapax_add_cleanup(hapax_alloc(16), count_run, &runs[0], NULL));
    }
    cr_assert_eq(total_runs(), 0);
}

static void use_everything(void *counter)
{
    void *object = hapax_alloc(40);
    hapax_weak cell = hapax_weak_make(object);
    hapax_cleanup name;
    hapax_handle handle = hapax_intern("from inside a cleanup");
    struct hapax_stats stats;
    bool right = hapax_weak_value(cell) == object && hapax_pin(object) == 0 && handle != NULL &&
                 hapax_add_cleanup(object, count_run, &runs[MANY - 1], &name) == 0 && hapax_add_roots(&right, 1) == 0;
    hapax_remove_roots(&right, 1);
    hapax_unpin(object);
    hapax_stats(&stats);
    if ((uintptr_t)counter % 64 == 0)
        hapax_collect();
    hapax_cleanup_stop(name);
    if (!right)
        abort();
    count_run(counter);
}

static void make_using_everything(size_t i)
{
    if (i < MANY / 2)
        must(hapax_add_cleanup(hapax_alloc(32), use_everything, &runs[i], NULL));
}

Test(cleanup, may_call_the_library)
{
    make_each(MANY, make_using_everything);
    collect_and_wait();
    cr_assert_geq(total_runs(), MOST / 2);
}

static void make_another(void *counter)
{
    /* Sixteen generations. */
    if (atomic_fetch_add((atomic_int *)counter, 1) < 15)
        must(hapax_add_cleanup(hapax_alloc(32), make_another, counter, NULL));
}

static void make_generations(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), make_another, &runs[i], NULL));
}

Test(cleanup, a_cleanup_may_add_cleanups)
{
    make_each(MANY, make_generations);
    for (int round = 0; round < 20; round++)
        collect_and_wait();
    cr_assert_geq(total_runs(), 15 * MOST);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_leq(atomic_load(&runs[i]), 16);
}

/* ---- From several threads ---- */

enum { THREADS = 4, EACH = 20000 };
static atomic_size_t ran;

static void count_ran(void *stopped)
{
    (void)stopped;
    atomic_fetch_add(&ran, 1);
}

static void *add_and_stop(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    hapax_cleanup mine[64];
    memset(mine, 0, sizeof mine);
    for (int i = 0; i < EACH; i++) {
        random = random * 1664525 + 1013904223;
        size_t at = random >> 26;
        hapax_cleanup_stop(mine[at]);
        must(hapax_add_cleanup(hapax_alloc(24), count_ran, NULL, &mine[at]));
        if (i % 4000 == 0)
            hapax_collect();
    }
    return NULL;
}

Test(cleanup, nothing_is_lost_between_threads)
{
    cr_assert_eq(hapax_set_cleanup_threads(2), 0);
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, add_and_stop, (void *)(i + 1)), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int round = 0; round < 3; round++)
        collect_and_wait();
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_queued, 0);
    cr_assert_eq(stats.cleanups_run, atomic_load(&ran));
    cr_assert_leq(stats.cleanups_pending, 100);
    cr_assert_geq(atomic_load(&ran), 100);
}

/* ---- Statistics ---- */

Test(cleanup, statistics_are_exact)
{
    struct hapax_stats stats;
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
    make_each(MANY, make_held);
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, MANY);
    cr_assert_eq(stats.cleanups_queued, 0);
    cr_assert_eq(stats.cleanups_run, 0);
    cr_assert_eq(stats.oldest_queued_ns, 0);
    hapax_cleanup_stop(names[0]);
    hapax_cleanup_stop(names[0]);
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_pending, MANY - 1);
    make_each(MANY, drop);
    collect();
    hapax_stats(&stats);
    uint64_t queued = stats.cleanups_queued;
    cr_assert_geq(queued, MOST);
    cr_assert_eq(stats.cleanups_pending, MANY - 1 - queued);
    cr_assert_gt(stats.oldest_queued_ns, 0);
    /* A queued one that is stopped is neither queued nor run. */
    hapax_cleanup_stop(names[MANY / 2]);
    hapax_stats(&stats);
    uint64_t left = stats.cleanups_queued;
    cr_assert_leq(left, queued);
    cr_assert_eq(hapax_run_cleanups(), left);
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_run, left);
    cr_assert_eq(stats.cleanups_queued, 0);
    cr_assert_eq(stats.oldest_queued_ns, 0);
    cr_assert_eq(total_runs(), left);
    /* Those that were stopped do not wait, though they stand in the queue. */
    make_each(MANY, make_held);
    make_each(MANY, drop);
    collect();
    hapax_stats(&stats);
    cr_assert_gt(stats.oldest_queued_ns, 0);
    make_each(MANY, stop);
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_queued, 0);
    cr_assert_eq(stats.oldest_queued_ns, 0);
    uint64_t collections = stats.collections;
    collect();
    hapax_stats(&stats);
    cr_assert_eq(stats.collections, collections + 1);
    cr_assert(stats.collector_ns > 0 && stats.last_pause_ns > 0 && stats.last_pause_ns <= stats.collector_ns);
    cr_assert(stats.heap_bytes > 0 && stats.heap_free_bytes <= stats.heap_bytes);
}
