/* SPDX-License-Identifier: MIT */
/* Finalizers, and keeping objects reachable: hapax/finalizer.h. */
#include "config.h"

#include "finalizer_nodes.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Running ---- */

static NOINLINE void make_and_drop(void)
{
    for (unsigned i = 0; i < MANY; i++)
        set(new_node(i), note_number, &arguments[i]);
}

Test(finalizer, runs_once_with_the_object_and_the_argument)
{
    make_and_drop();
    collect_all();
    cr_assert_geq(ran, MOST(MANY));
    collect_all();
    collect_all();
    for (unsigned i = 0; i < MANY; i++)
        cr_assert_leq(times_ran[i], 1u);
}

Test(finalizer, does_not_run_while_the_object_lives)
{
    struct node **held = hapax_alloc(MANY * sizeof *held);
    for (unsigned i = 0; i < MANY; i++) {
        held[i] = new_node(i);
        set(held[i], count, NULL);
    }
    collect_all();
    cr_assert_eq(ran, 0u);
    hapax_keep_alive(held);
}

Test(finalizer, waits_until_somebody_drains)
{
    drain_by_hand();
    make_and_drop();
    collect();
    cr_assert_eq(ran, 0u);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_geq(stats.cleanups_queued, (uint64_t)MOST(MANY));
    cr_assert_eq(stats.finalizers_run, 0u);
    size_t drained = hapax_run_cleanups();
    cr_assert_eq(drained, stats.cleanups_queued);
    cr_assert_eq(drained, ran);
    hapax_stats(&stats);
    cr_assert_eq(stats.finalizers_run, drained);
    cr_assert_eq(stats.cleanups_queued, 0u);
    cr_assert_eq(stats.cleanups_run, 0u);
}

/* Records are used again, those of finalizers that ran and those of removed ones. */
Test(finalizer, many_generations_need_no_more_memory)
{
    enum { ROUNDS = SCALE == 1 ? 150 : 20 };
    struct hapax_stats stats;
    uint64_t heap = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        make_and_drop();
        collect();
        cr_assert(hapax_wait_cleanups(FOR_EVER));
        hapax_stats(&stats);
        if (round == 15)
            heap = stats.heap_bytes;
    }
    cr_assert_leq(stats.heap_bytes, heap + (3u << 20));
    cr_assert_geq(ran, ROUNDS * MOST(MANY));
}

/* ---- Setting and removing ---- */

Test(finalizer, an_object_has_one)
{
    struct node *node = new_node(0);
    set(node, count, NULL);
    errno = 0;
    cr_assert_eq(hapax_set_finalizer(node, count, NULL), -1);
    cr_assert_eq(errno, EEXIST);
    set(node, NULL, NULL);
    set(node, NULL, NULL);
    set(node, count, NULL);
    hapax_keep_alive(node);
}

Test(finalizer, many_are_told_apart)
{
    enum { COUNT = 20000 / SCALE };
    struct node **held = hapax_alloc(COUNT * sizeof *held);
    for (unsigned i = 0; i < COUNT; i++) {
        held[i] = new_node(i);
        set(held[i], count, NULL);
    }
    for (unsigned i = 0; i < COUNT; i += 3)
        set(held[i], NULL, NULL);
    for (unsigned i = 0; i < COUNT; i++)
        cr_assert_eq(hapax_set_finalizer(held[i], count, NULL), i % 3 == 0 ? 0 : -1);
    hapax_keep_alive(held);
}

static NOINLINE void set_and_remove(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = new_node(i);
        set(node, count, NULL);
        set(node, NULL, NULL);
    }
}

Test(finalizer, removed_never_runs)
{
    set_and_remove();
    collect_all();
    cr_assert_eq(ran, 0u);
}

static void assert_refused(void *object)
{
    errno = 0;
    cr_assert_eq(hapax_set_finalizer(object, count, NULL), -1);
    cr_assert_eq(errno, EINVAL);
}

static char static_data[100];

static bool equal_doubles(const void *a, const void *b, size_t size)
{
    (void)size;
    return *(const double *)a == *(const double *)b;
}

Test(finalizer, refuses_what_has_no_first_byte_of_its_own)
{
    char on_stack[32], *allocated = malloc(100), *object = hapax_alloc(100);
    assert_refused(NULL);
    assert_refused(on_stack);
    assert_refused(allocated);
    assert_refused(object + 1);
    assert_refused(object + 16);
    free(allocated);
    hapax_keep_alive(object);
}

static void refuses_handles_of(const struct hapax_type *type, unsigned flags, const void *value, size_t size)
{
    hapax_table *table = hapax_table_new(type, flags);
    hapax_handle handle = hapax_make_handle(table, value, size);
    cr_assert_not_null(handle);
    assert_refused((void *)(uintptr_t)handle);
    cr_assert_eq(hapax_set_finalizer((void *)(uintptr_t)handle, NULL, NULL), 0);
    hapax_keep_alive(table);
}

Test(finalizer, refuses_handles)
{
    static const struct hapax_type pointers = {.size = sizeof(void *), .flags = HAPAX_TYPE_HAS_POINTERS};
    static const struct hapax_type doubles = {.size = sizeof(double), .equal = equal_doubles};
    void *pointer = new_node(0);
    double not_a_number = NAN, number = 1;
    hapax_handle string = hapax_intern("a string");
    assert_refused((void *)(uintptr_t)string);
    refuses_handles_of(NULL, HAPAX_TABLE_KEEPS_VALUES, "kept", 4);
    refuses_handles_of(&pointers, 0, &pointer, sizeof pointer);
    refuses_handles_of(&doubles, 0, &number, sizeof number);
    refuses_handles_of(&doubles, 0, &not_a_number, sizeof not_a_number);
    /* Handles beside it are no reason to refuse what is none. */
    set(new_node(0), count, NULL);
}

Test(finalizer, static_data_is_accepted_and_never_dies)
{
    set(static_data, count, NULL);
    collect_all();
    cr_assert_eq(ran, 0u);
}

/* ---- Resurrection ---- */

static NOINLINE void make_resurrecting(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = new_node(i);
        node->other = new_node(i);
        set(node, resurrect, NULL);
    }
}

Test(finalizer, may_bring_its_object_back)
{
    make_resurrecting();
    collect_all();
    cr_assert_geq(ran, MOST(MANY));
    collect_all();
    for (unsigned i = 0; i < MANY; i++)
        cr_assert(resurrected[i] == NULL || resurrected[i]->other->number == i);
    let_them_go();
    unsigned before = ran;
    collect_all();
    cr_assert_leq(ran - before, MANY / 10);
}

static void set_anew(void *object, void *arg)
{
    atomic_fetch_add(&ran, 1u);
    /* The old one is gone by now. */
    cr_assert_eq(hapax_set_finalizer(object, arg != NULL ? count : set_anew, arg), 0);
}

static NOINLINE void make_set_anew(void *arg)
{
    for (unsigned i = 0; i < MANY; i++)
        set(new_node(i), set_anew, arg);
}

Test(finalizer, may_be_set_anew_while_it_runs)
{
    make_set_anew(static_data);
    collect_all();
    collect_all();
    collect_all();
    cr_assert_geq(ran, 2 * MOST(MANY));
    cr_assert_leq(ran, 2 * MANY);
    ran = 0;
    make_set_anew(NULL);
    for (unsigned i = 0; i < 5; i++)
        collect_all();
    cr_assert_geq(ran, 5 * MOST(MANY));
}

/* ---- Threads and processes ---- */

static void *set_and_drop(void *data)
{
    (void)data;
    cr_assert_eq(hapax_init(), 0);
    for (unsigned round = 0; round < 20; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            struct node *node = new_node(i);
            set(node, count, node->next);
            if (i % 2 == 0) {
                set(node, NULL, NULL);
                if (i % 4 == 0)
                    set(node, count, NULL);
            }
            hapax_keep_alive(node);
        }
        if (round % 4 == 0)
            hapax_collect();
    }
    return NULL;
}

Test(finalizer, threads_set_and_remove_beside_each_other)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    cr_assert_eq(hapax_set_cleanup_threads(2), 0);
    for (unsigned i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, set_and_drop, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    collect_all();
    unsigned most = THREADS * 20 * (MANY / 2 + MANY / 4);
    cr_assert_leq(ran, most);
    cr_assert_geq(ran, MOST(most));
}

Test(finalizer, both_processes_run_them_after_a_fork)
{
#ifdef __SANITIZE_ADDRESS__
    cr_skip_test("a thread that has just begun holds the address sanitizer's allocator across the fork");
#endif
    make_and_drop();
    pid_t child = fork();
    if (child == 0) {
        collect_all();
        _exit(ran >= MOST(MANY) ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    collect_all();
    cr_assert_geq(ran, MOST(MANY));
}

/* ---- Keeping alive ---- */

static NOINLINE void use_then_keep(unsigned depth)
{
    struct node *node = new_node(depth);
    struct node *volatile hidden = NULL;
    cr_assert_eq(hapax_add_cleanup(node, count_one, &cleaned, NULL), 0);
    (void)hidden;
    unsigned before = cleaned;
    if (depth < 20)
        use_then_keep(depth + 1);
    else
        collect_all();
    cr_assert_eq(cleaned, before);
    hapax_keep_alive(node);
}

Test(keep_alive, keeps_up_to_the_call)
{
    use_then_keep(0);
    errno = 17;
    hapax_keep_alive(NULL);
    cr_assert_eq(errno, 17);
}
