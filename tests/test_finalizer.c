/* Finalizers, and keeping objects reachable: hapax/finalizer.h. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANY = 1000 };
#ifdef HAPAX_HARD_TESTS
enum { SCALE = 100 };   /* collections come all the time there, and each goes over everything */
#else
enum { SCALE = 1 };
#endif

struct node {
    struct node *next, *other;
    hapax_handle handle;
    unsigned number;
};

static struct node *new_node(unsigned number)
{
    struct node *node = hapax_alloc(sizeof *node);
    cr_assert_not_null(node);
    node->number = number;
    return node;
}

static void set(void *object, void (*fn)(void *, void *), void *arg)
{
    cr_assert_eq(hapax_set_finalizer(object, fn, arg), 0);
}

static atomic_uint ran;

static void count(void *object, void *arg)
{
    (void)object, (void)arg;
    atomic_fetch_add(&ran, 1u);
}

static void drain_by_hand(void)
{
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);
}

/* ---- Running ---- */

static atomic_uint times_ran[MANY];
static unsigned arguments[MANY];

static void note_number(void *object, void *arg)
{
    struct node *node = object;
    cr_assert_eq(node->number, (unsigned)((unsigned *)arg - arguments));
    atomic_fetch_add(&times_ran[node->number], 1u);
    atomic_fetch_add(&ran, 1u);
}

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
        cr_assert(hapax_wait_cleanups(60000));
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

/* By number; not a list, of which one stale pointer would keep much. */
static struct node *resurrected[MANY];

static void resurrect(void *object, void *arg)
{
    (void)arg;
    struct node *node = object;
    resurrected[node->number] = node;
    atomic_fetch_add(&ran, 1u);
}

static void let_them_go(void)
{
    memset(resurrected, 0, sizeof resurrected);
}

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

/* ---- Order ---- */

enum { CHAIN = 4 };
static atomic_uint order_violations, finalized[MANY][CHAIN];

static void check_order(void *object, void *arg)
{
    (void)arg;
    struct node *node = object;
    unsigned group = node->number / CHAIN, place = node->number % CHAIN;
    if (place > 0 && finalized[group][place - 1] == 0)
        atomic_fetch_add(&order_violations, 1u);
    finalized[group][place] = 1;
    atomic_fetch_add(&ran, 1u);
}

/* Each reaches the next by way of an object without a finalizer. */
static NOINLINE void make_chains(void)
{
    for (unsigned group = 0; group < MANY; group++) {
        struct node *after = NULL;
        for (unsigned place = CHAIN; place-- > 0;) {
            struct node *node = new_node(group * CHAIN + place), *between = new_node(0);
            between->next = after;
            node->other = between;
            set(node, check_order, NULL);
            after = node;
        }
    }
}

Test(finalizer, who_reaches_another_runs_first)
{
    make_chains();
    for (unsigned i = 0; i < CHAIN; i++)
        collect_all();
    cr_assert_eq(order_violations, 0u);
    cr_assert_geq(ran, MOST(CHAIN * MANY));
}

static NOINLINE void make_cycles(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *a = new_node(i), *b = new_node(i), *self = new_node(i);
        a->next = new_node(i);
        a->next->next = b;
        b->other = a;
        self->next = new_node(i);
        self->next->next = self;
        set(a, count, NULL);
        set(b, count, NULL);
        set(self, count, NULL);
    }
}

Test(finalizer, those_of_a_cycle_never_run)
{
    make_cycles();
    for (unsigned i = 0; i < 3; i++)
        collect_all();
    cr_assert_eq(ran, 0u);
}

enum { LONG = 1000000 / SCALE };

static NOINLINE void make_long_list(void)
{
    struct node *list = NULL;
    for (unsigned i = 0; i < LONG; i++) {
        struct node *node = new_node(i);
        node->next = list;
        list = node;
    }
    list->number = 0;
    set(list, resurrect, NULL);
}

/* What a finalizer keeps may be of any depth. */
Test(finalizer, keeps_a_list_of_a_million)
{
    for (unsigned i = 0; i < 5 && ran == 0; i++) {
        make_long_list();
        collect_all();
    }
    cr_assert_gt(ran, 0u);
    unsigned left = LONG - 1;
    for (struct node *node = resurrected[0]->next; node != NULL; node = node->next)
        cr_assert_eq(node->number, --left);
    cr_assert_eq(left, 0u);
}

/* ---- What is kept ---- */

static NOINLINE void make_with_arguments(struct node **held)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *arg = new_node(i);
        arg->next = new_node(i);
        cr_assert_eq(hapax_add_cleanup(arg->next, count_one, &times_ran[0], NULL), 0);
        held[i] = new_node(i);
        set(held[i], count, arg);
    }
}

Test(finalizer, keeps_its_argument_until_it_ran)
{
    drain_by_hand();
    struct node **held = hapax_alloc(MANY * sizeof *held);
    make_with_arguments(held);
    collect();
    collect();
    cr_assert_eq(hapax_run_cleanups(), 0u);
    memset(held, 0, MANY * sizeof *held);
    collect();
    collect();
    cr_assert_eq(times_ran[0], 0u);
    cr_assert_geq(hapax_run_cleanups(), (size_t)MOST(MANY));
    cr_assert_eq(times_ran[0], 0u);
    collect();
    hapax_run_cleanups();
    cr_assert_geq(times_ran[0], MOST(MANY));
    hapax_keep_alive(held);
}

Test(finalizer, lets_its_argument_go_when_removed)
{
    struct node **held = hapax_alloc(MANY * sizeof *held);
    make_with_arguments(held);
    for (unsigned i = 0; i < MANY; i++)
        set(held[i], NULL, NULL);
    collect_all();
    cr_assert_geq(times_ran[0], MOST(MANY));
    cr_assert_eq(ran, 0u);
    hapax_keep_alive(held);
}

/* Plain memory would not keep weak pointers. */
struct weaks {
    hapax_weak object[MANY], inside[MANY], child[MANY];
    hapax_weak string[MANY];
};

static void intern_number(unsigned number, hapax_handle *handle)
{
    char text[32];
    int length = snprintf(text, sizeof text, "value %u", number);
    *handle = hapax_make_handle(hapax_strings(), text, (size_t)length);
    cr_assert_not_null(*handle);
}

static atomic_uint wrong;

static void check_reached(void *object, void *arg)
{
    struct node *node = object;
    struct weaks *weaks = arg;
    hapax_handle again;
    intern_number(node->number, &again);
    if (again != node->handle || hapax_weak_value(weaks->child[node->number]) != node->other ||
        hapax_weak_value(weaks->object[node->number]) != NULL ||
        hapax_weak_value(weaks->inside[node->number]) != NULL)
        atomic_fetch_add(&wrong, 1u);
    /* A new one has an identity of its own. */
    hapax_weak fresh = hapax_weak_make(node);
    if (fresh == weaks->object[node->number] || hapax_weak_value(fresh) != node)
        atomic_fetch_add(&wrong, 1u);
    resurrect(object, NULL);
}

static NOINLINE void make_watched(struct weaks *weaks)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = new_node(i);
        node->other = new_node(i);
        intern_number(i, &node->handle);
        weaks->object[i] = hapax_weak_make(node);
        weaks->inside[i] = hapax_weak_make(&node->number);
        weaks->child[i] = hapax_weak_make(node->other);
        weaks->string[i] = hapax_weak_make(node->handle);
        set(node, check_reached, weaks);
    }
}

static NOINLINE unsigned count_null(hapax_weak *weaks)
{
    unsigned null = 0;
    for (unsigned i = 0; i < MANY; i++)
        null += hapax_weak_value(weaks[i]) == NULL;
    return null;
}

Test(finalizer, what_waits_is_gone_for_weak_pointers_and_what_it_reaches_is_not)
{
    drain_by_hand();
    struct weaks *weaks = hapax_alloc(sizeof *weaks);
    make_watched(weaks);
    collect();
    for (unsigned i = 0; i < 2; i++) {
        cr_assert_geq(count_null(weaks->object), MOST(MANY));
        cr_assert_eq(count_null(weaks->object), count_null(weaks->inside));
        cr_assert_eq(count_null(weaks->child), 0u);
        cr_assert_eq(count_null(weaks->string), 0u);
        collect();
    }
    hapax_run_cleanups();
    cr_assert_geq(ran, MOST(MANY));
    cr_assert_eq(wrong, 0u);
    /* Back among the living, but not for those who held it before. */
    collect();
    cr_assert_geq(count_null(weaks->object), MOST(MANY));
    cr_assert_eq(count_null(weaks->child), 0u);
    let_them_go();
    collect();
    collect();
    cr_assert_geq(count_null(weaks->child), MOST(MANY));
    cr_assert_geq(count_null(weaks->string), MOST(MANY));
    hapax_keep_alive(weaks);
}

static atomic_uint cleaned;

static NOINLINE void make_with_cleanups(void (*fn)(void *, void *))
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = new_node(i);
        cr_assert_eq(hapax_add_cleanup(node, count_one, &cleaned, NULL), 0);
        set(node, fn, NULL);
    }
}

Test(finalizer, cleanups_wait_until_the_object_dies_for_good)
{
    drain_by_hand();
    make_with_cleanups(resurrect);
    collect();
    collect();
    cr_assert_eq(cleaned, 0u);
    hapax_run_cleanups();
    cr_assert_geq(ran, MOST(MANY));
    collect();
    hapax_run_cleanups();
    cr_assert_leq(cleaned, MANY - ran);
    let_them_go();
    collect();
    hapax_run_cleanups();
    cr_assert_geq(cleaned, MOST(MANY));
}

static atomic_uint foreign_ran;

/* A table or a map may have one too: what it holds lives on with it. */
static void use_table(void *object, void *arg)
{
    (void)arg;
    if (hapax_find_handle(object, "some value", 10) == NULL)
        atomic_fetch_add(&wrong, 1u);
    atomic_fetch_add(&ran, 1u);
}

static NOINLINE void make_tables(void)
{
    for (unsigned i = 0; i < 100; i++) {
        hapax_table *table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
        cr_assert_not_null(hapax_make_handle(table, "some value", 10));
        set(table, use_table, NULL);
    }
}

Test(finalizer, on_a_table_finds_the_table_whole)
{
    make_tables();
    collect_all();
    cr_assert_geq(ran, MOST(100));
    cr_assert_eq(wrong, 0u);
}

/* ---- Beside the collector's own finalizers ---- */

static struct node *foreign_back[MANY];

static void GC_CALLBACK foreign(void *object, void *data)
{
    (void)data;
    struct node *node = object;
    /* What it reaches has not been finalized yet. */
    if (node->other != NULL && times_ran[node->other->number] != 0)
        atomic_fetch_add(&wrong, 1u);
    foreign_back[node->number] = node;
    atomic_fetch_add(&foreign_ran, 1u);
}

static NOINLINE void make_foreign(bool ordered, struct weaks *weaks)
{
    for (unsigned i = 0; i < MANY; i++) {
        struct node *node = new_node(i), *reached = new_node(i);
        node->other = reached;
        set(reached, note_number, &arguments[i]);
        weaks->object[i] = hapax_weak_make(reached);
        if (ordered)
            GC_register_finalizer(node, foreign, NULL, NULL, NULL);
        else
            GC_register_finalizer_no_order(node, foreign, NULL, NULL, NULL);
    }
}

static void wait_for_what_a_foreign_finalizer_reaches(bool ordered)
{
    struct weaks *weaks = hapax_alloc(sizeof *weaks);
    cr_assert_eq(hapax_init(), 0);
    GC_set_finalize_on_demand(1);
    make_foreign(ordered, weaks);
    collect_all();
    /* The foreign ones wait, and keep what they reach. */
    cr_assert_eq(ran, 0u);
    cr_assert_eq(count_null(weaks->object), 0u);
    GC_invoke_finalizers();
    cr_assert_geq(foreign_ran, MOST(MANY));
    cr_assert_eq(wrong, 0u);
    collect_all();
    /* They brought their objects back: as if nothing had been. */
    cr_assert_leq(ran, MANY - foreign_ran);
    cr_assert_geq(MANY - count_null(weaks->object), foreign_ran);
    /* The collector's own table of finalizers may hold on to the foreign objects themselves. */
    for (unsigned i = 0; i < MANY; i++)
        if (foreign_back[i] != NULL)
            foreign_back[i]->other = NULL;
    collect_all();
    cr_assert_geq(ran, MOST(MANY));
    hapax_keep_alive(weaks);
}

Test(finalizer, waits_for_foreign_finalizers_in_order)
{
    wait_for_what_a_foreign_finalizer_reaches(true);
}

Test(finalizer, waits_for_foreign_finalizers_without_order)
{
    wait_for_what_a_foreign_finalizer_reaches(false);
}

static NOINLINE void make_both_kinds(void)
{
    for (unsigned i = 0; i < MANY; i++) {
        set(new_node(i), count, NULL);
        GC_register_finalizer(new_node(i), foreign, NULL, NULL, NULL);
    }
}

Test(finalizer, runs_beside_foreign_ones_that_do_not_reach_it)
{
    cr_assert_eq(hapax_init(), 0);
    make_both_kinds();
    collect_all();
    GC_invoke_finalizers();
    cr_assert_geq(ran, MOST(MANY));
    cr_assert_geq(foreign_ran, MOST(MANY));
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
