/* Programs that use the collector beside the library: their finalizers and links, their callbacks, their settings. */
#include "config.h"

#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <gc/gc.h>
#include <gc/gc_mark.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WAIT = 10000 };

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(foreign, .init = start, .timeout = 60);
/* These start the collector themselves. */
TestSuite(foreign_start, .timeout = 60);

static void must(bool well)
{
    if (!well)
        abort();
}

static hapax_weak weak[MANY], again[MANY];
static void *held[MANY];
static atomic_int finalized[MANY], cleaned[MANY], cleaned_too_early;

struct node {
    size_t number;
    struct node *next;
    hapax_handle handle;
};

static void clean(void *number)
{
    size_t i = (uintptr_t)number;
    atomic_fetch_add(&cleaned[i], 1);
    /* It waits until the object has been finalized and dies for good. */
    if (atomic_load(&finalized[i]) == 0)
        atomic_fetch_add(&cleaned_too_early, 1);
}

static size_t sum(atomic_int *counters)
{
    size_t total = 0;
    for (size_t i = 0; i < MANY; i++)
        total += (size_t)atomic_load(&counters[i]);
    return total;
}

static void *brought_back[MANY];

static void GC_CALLBACK bring_back_elsewhere(void *object, void *unused)
{
    struct node *node = object;
    (void)unused;
    brought_back[node->number] = node;
}

static void GC_CALLBACK bring_back(void *object, void *unused)
{
    struct node *node = object;
    (void)unused;
    held[node->number] = node;
    atomic_fetch_add(&finalized[node->number], 1);
}

static void GC_CALLBACK let_go(void *object, void *unused)
{
    struct node *node = object;
    (void)unused;
    atomic_fetch_add(&finalized[node->number], 1);
}

typedef void register_finalizer(void *, GC_finalization_proc, void *, GC_finalization_proc *, void **);

static register_finalizer *registering;
static GC_finalization_proc finalizer;

static void make_finalizable(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "reached by %zu", i);
    struct node *node = hapax_alloc(sizeof *node);
    node->number = i;
    node->next = hapax_alloc(sizeof *node);
    node->handle = hapax_intern(text);
    weak[i] = hapax_weak_make(node);
    again[i] = hapax_weak_make(node->next);
    must(hapax_add_cleanup(node, clean, (void *)(uintptr_t)i, NULL) == 0);
    registering(node, finalizer, NULL, NULL, NULL);
}

/* The collector invokes finalizers inside of allocations. */
static void collect_and_finalize(void)
{
    collect();
    GC_invoke_finalizers();
    must(hapax_wait_cleanups(WAIT));
}

static void resurrect(register_finalizer *variant)
{
    registering = variant;
    finalizer = bring_back;
    make_each(MANY, make_finalizable);
    collect_and_finalize();
    cr_assert_geq(sum(finalized), MOST);
    /* Alive as if nothing had been. */
    for (size_t i = 0; i < MANY; i++) {
        if (held[i] == NULL)
            continue;
        cr_assert_eq(hapax_weak_value(weak[i]), held[i]);
        cr_assert_eq(hapax_weak_make(held[i]), weak[i]);
        struct node *node = held[i];
        cr_assert_eq(hapax_weak_value(again[i]), node->next);
    }
    cr_assert_eq(sum(cleaned), 0);
    collect_and_finalize();
    for (size_t i = 0; i < MANY; i++)
        cr_assert(held[i] == NULL || hapax_weak_value(weak[i]) == held[i]);
    cr_assert_eq(sum(cleaned), 0);
    /* And then it dies for good. */
    memset(held, 0, sizeof held);
    collect_and_finalize();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_geq(count_dead(again, MANY), MOST);
    cr_assert_geq(sum(cleaned), MOST);
    cr_assert_eq(atomic_load(&cleaned_too_early), 0);
    for (size_t i = 0; i < MANY; i++)
        cr_assert(atomic_load(&cleaned[i]) <= 1 && atomic_load(&finalized[i]) <= 1);
}

Test(foreign, resurrecting_finalizer)
{
    resurrect(GC_register_finalizer);
}

Test(foreign, resurrecting_finalizer_ignore_self)
{
    resurrect(GC_register_finalizer_ignore_self);
}

Test(foreign, resurrecting_finalizer_no_order)
{
    resurrect(GC_register_finalizer_no_order);
}

Test(foreign, resurrecting_finalizer_unreachable)
{
    resurrect(GC_register_finalizer_unreachable);
}

static void wait_to_be_finalized(register_finalizer *variant)
{
    registering = variant;
    finalizer = let_go;
    /* The program says when finalizers run: until then, their objects wait. */
    GC_set_finalize_on_demand(1);
    make_each(MANY, make_finalizable);
    for (int round = 0; round < 3; round++) {
        collect();
        must(hapax_wait_cleanups(WAIT));
        cr_assert_eq(count_dead(weak, MANY), 0);
        cr_assert_eq(count_dead(again, MANY), 0);
        cr_assert_eq(sum(cleaned), 0);
        cr_assert_eq(sum(finalized), 0);
    }
    /* What they reach is alive, and its handles are canonical. */
    for (size_t i = 0; i < MANY; i += 100) {
        struct node *node = hapax_weak_value(weak[i]);
        char text[40];
        snprintf(text, sizeof text, "reached by %zu", i);
        cr_assert_eq(hapax_find_handle(hapax_strings(), text, strlen(text)), node->handle);
        cr_assert_str_eq(hapax_handle_value(node->handle), text);
    }
    GC_invoke_finalizers();
    cr_assert_geq(sum(finalized), MOST);
    collect();
    must(hapax_wait_cleanups(WAIT));
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_geq(sum(cleaned), MOST);
    cr_assert_eq(atomic_load(&cleaned_too_early), 0);
}

Test(foreign, cleanups_wait_for_a_finalizer)
{
    wait_to_be_finalized(GC_register_finalizer);
}

Test(foreign, cleanups_wait_for_a_finalizer_no_order)
{
    wait_to_be_finalized(GC_register_finalizer_no_order);
}

/* One that finalizes itself anew, three times in all. */
enum { TIMES = 3 };

static void GC_CALLBACK set_again(void *object, void *unused)
{
    struct node *node = object;
    atomic_fetch_add(&finalized[node->number], 1);
    if (atomic_load(&finalized[node->number]) < TIMES)
        GC_register_finalizer(object, set_again, unused, NULL, NULL);
}

Test(foreign, a_finalizer_that_registers_itself_again)
{
    registering = GC_register_finalizer;
    finalizer = set_again;
    make_each(MANY, make_finalizable);
    for (int round = 0; round < TIMES + 1; round++) {
        for (size_t i = 0; i < MANY; i++) {
            cr_assert(atomic_load(&finalized[i]) == TIMES || hapax_weak_value(weak[i]) != NULL);
            cr_assert(atomic_load(&finalized[i]) == TIMES || atomic_load(&cleaned[i]) == 0);
        }
        collect_and_finalize();
    }
    cr_assert_geq(sum(finalized), TIMES * MOST);
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_geq(sum(cleaned), MOST);
}

/* A chain in which each finalizable object holds the next: one a collection, in order. */
enum { CHAIN = 5, CHAINS = MANY / CHAIN };
static atomic_int out_of_order;

static void GC_CALLBACK note_link(void *object, void *unused)
{
    struct node *node = object;
    size_t i = node->number;
    (void)unused;
    if (i % CHAIN != 0 && atomic_load(&finalized[i - 1]) == 0)
        atomic_fetch_add(&out_of_order, 1);
    atomic_fetch_add(&finalized[i], 1);
}

static void make_chain(size_t chain)
{
    struct node *next = NULL;
    for (size_t i = chain * CHAIN + CHAIN; i-- > chain * CHAIN;) {
        struct node *node = hapax_alloc(sizeof *node);
        node->number = i;
        node->next = next;
        weak[i] = hapax_weak_make(node);
        must(hapax_add_cleanup(node, clean, (void *)(uintptr_t)i, NULL) == 0);
        GC_register_finalizer(node, note_link, NULL, NULL, NULL);
        next = node;
    }
}

Test(foreign, ordered_finalizers_of_a_chain)
{
    make_each(CHAINS, make_chain);
    for (int round = 0; round < CHAIN; round++) {
        collect_and_finalize();
        /* What waits behind those that were finalized is alive. */
        size_t waiting = 0;
        for (size_t i = 0; i < MANY; i++)
            waiting += atomic_load(&finalized[i]) == 0 && hapax_weak_value(weak[i]) == NULL;
        cr_assert_eq(waiting, 0);
    }
    collect_and_finalize();
    cr_assert_geq(sum(finalized), MOST);
    cr_assert_geq(sum(cleaned), MOST);
    cr_assert_eq(atomic_load(&out_of_order), 0);
    cr_assert_eq(atomic_load(&cleaned_too_early), 0);
}

/* The collector runs finalizers in the middle of whatever allocates: the library's own calls are entered again. */
static atomic_size_t inside_calls;

static void GC_CALLBACK use_the_library(void *object, void *number)
{
    char text[40];
    snprintf(text, sizeof text, "in a finalizer, %zu", (size_t)number);
    hapax_handle handle = hapax_intern(text);
    void *mine = hapax_alloc(24), *plain = hapax_alloc_plain(20);
    must(handle != NULL && hapax_intern(text) == handle && strcmp(hapax_handle_value(handle), text) == 0);
    must(hapax_weak_value(hapax_weak_make(mine)) == mine && hapax_weak_make(plain) != NULL);
    must(hapax_add_cleanup(mine, clean, NULL, NULL) == 0);
    must(hapax_pin(object) == 0);
    hapax_unpin(object);
    atomic_fetch_add(&inside_calls, 1);
}

static void make_using(size_t i)
{
    GC_register_finalizer_no_order(GC_MALLOC(32), use_the_library, (void *)i, NULL, NULL);
}

Test(foreign, finalizers_may_call_the_library)
{
    for (int round = 0; round < 20; round++) {
        make_each(MANY, make_using);
        hapax_collect();
        for (size_t i = 0; i < MANY; i++) {
            char text[40];
            snprintf(text, sizeof text, "outside, %zu", i);
            hapax_handle handle = hapax_intern(text);
            must(handle != NULL && strcmp(hapax_handle_value(handle), text) == 0 && hapax_intern(text) == handle);
            must(hapax_weak_make(hapax_alloc_plain(10)) != NULL);
        }
    }
    cr_assert_geq(atomic_load(&inside_calls), 20 * MOST);
}

/* Nothing else allocates here: what collections find then runs where cleanups get their memory. */
Test(foreign, finalizers_may_add_cleanups_amidst_adding)
{
    void *object = held[0] = hapax_alloc(32);
    make_each(MANY, make_using);
    for (size_t i = 0; i < 1000000 && atomic_load(&inside_calls) < MOST; i++)
        must(hapax_add_cleanup(object, clean, NULL, NULL) == 0);
    cr_assert_geq(atomic_load(&inside_calls), MOST);
}

static void count_notice(void)
{
}

Test(foreign_start, the_programs_finalizer_settings_are_left_alone)
{
    GC_INIT();
    int on_demand = GC_get_finalize_on_demand();
    GC_set_finalizer_notifier(count_notice);
    GC_oom_func oom = GC_get_oom_fn();
    cr_assert_eq(hapax_init(), 0);
    hapax_intern("x");
    hapax_weak_make(hapax_alloc(10));
    hapax_collect();
    cr_assert_eq(GC_get_finalize_on_demand(), on_demand);
    cr_assert_eq(GC_get_finalizer_notifier(), count_notice);
    cr_assert_eq(GC_get_oom_fn(), oom);
}

/* ---- Links ---- */

static void *links[MANY];       /* disguised: cleared by the collector, not searched */

static void make_linked_handle(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "linked %zu", i);
    hapax_handle handle = hapax_intern(text);
    weak[i] = hapax_weak_make(handle);
    links[i] = (void *)hide(handle);
    must(GC_general_register_disappearing_link(&links[i], (void *)(uintptr_t)handle) == GC_SUCCESS);
}

Test(foreign, handles_take_disappearing_links)
{
    make_each(MANY, make_linked_handle);
    collect();
    size_t gone = 0;
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(links[i] == NULL, hapax_weak_value(weak[i]) == NULL, "%zu", i);
        gone += links[i] == NULL;
    }
    cr_assert_geq(gone, MOST);
}

/* Short links are cleared before a finalizer runs, long ones when the object is gone for good, as our weak pointers are.
 * Whoever was there first. */
static void *short_links[MANY], *long_links[MANY];
static bool ours_first;

static void make_ours(size_t i, struct node *node)
{
    weak[i] = hapax_weak_make(node);
    must(hapax_add_cleanup(node, clean, (void *)(uintptr_t)i, NULL) == 0);
}

static void make_with_links(size_t i)
{
    struct node *node = hapax_alloc(sizeof *node);
    node->number = i;
    if (ours_first)
        make_ours(i, node);
    GC_register_finalizer(node, bring_back, NULL, NULL, NULL);
    short_links[i] = long_links[i] = (void *)hide(node);
    must(GC_general_register_disappearing_link(&short_links[i], node) == GC_SUCCESS);
    must(GC_register_long_link(&long_links[i], node) == GC_SUCCESS);
    if (!ours_first)
        make_ours(i, node);
}

static void expect_agreement(size_t least_alive, size_t most_alive)
{
    size_t alive = 0;
    for (size_t i = 0; i < MANY; i++) {
        cr_assert_eq(long_links[i] == NULL, hapax_weak_value(weak[i]) == NULL, "%zu", i);
        alive += hapax_weak_value(weak[i]) != NULL;
    }
    cr_assert(least_alive <= alive && alive <= most_alive, "%zu", alive);
}

static void links_and_finalizers(bool first)
{
    ours_first = first;
    make_each(MANY, make_with_links);
    collect_and_finalize();
    cr_assert_geq(sum(finalized), MOST);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(short_links[i] == NULL, atomic_load(&finalized[i]) == 1, "%zu", i);
    expect_agreement(MANY, MANY);
    cr_assert_eq(sum(cleaned), 0);
    memset(held, 0, sizeof held);
    collect_and_finalize();
    expect_agreement(0, FEW);
    cr_assert_geq(sum(cleaned), MOST);
    cr_assert_eq(atomic_load(&cleaned_too_early), 0);
}

Test(foreign, links_and_a_finalizer_before_ours)
{
    links_and_finalizers(false);
}

Test(foreign, links_and_a_finalizer_after_ours)
{
    links_and_finalizers(true);
}

Test(foreign_start, java_finalization)
{
    /* Finalizable objects that others reach are finalized with them, in no order. */
    GC_INIT();
    GC_set_java_finalization(1);
    cr_assert_eq(hapax_init(), 0);
    resurrect(GC_register_finalizer_no_order);
}

static atomic_bool strong;

static GC_ToggleRefStatus GC_CALLBACK toggle(void *object)
{
    (void)object;
    return atomic_load(&strong) ? GC_TOGGLE_REF_STRONG : GC_TOGGLE_REF_DROP;
}

static void make_toggled(size_t i)
{
    void *object = hapax_alloc(32);
    weak[i] = hapax_weak_make(object);
    atomic_store(&finalized[i], 1);
    must(hapax_add_cleanup(object, clean, (void *)(uintptr_t)i, NULL) == 0);
    must(GC_toggleref_add(object, 1) == GC_SUCCESS);
}

Test(foreign, toggle_references_keep_alive_while_they_are_strong)
{
    atomic_store(&strong, true);
    GC_set_toggleref_func(toggle);
    make_each(MANY, make_toggled);
    for (int round = 0; round < 3; round++) {
        collect_and_finalize();
        cr_assert_eq(count_dead(weak, MANY), 0);
        cr_assert_eq(sum(cleaned), 0);
    }
    atomic_store(&strong, false);
    collect_and_finalize();
    collect_and_finalize();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_geq(sum(cleaned), MOST);
}

/* ---- A little of everything ---- */

static hapax_handle handles[MANY];

static void make_one(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "one of many, %zu", i);
    hapax_handle handle = hapax_intern(text);
    handles[i] = i % 2 ? handle : NULL;
    weak[i] = hapax_weak_make(handle);
    atomic_store(&finalized[i], 1);
    must(hapax_add_cleanup(hapax_alloc(32), clean, (void *)(uintptr_t)i, NULL) == 0);
    held[i] = i % 2 ? hapax_alloc(24) : NULL;
    again[i] = i % 2 ? hapax_weak_make(held[i]) : hapax_weak_make(hapax_alloc(24));
}

static int everything_works(void)
{
    memset(cleaned, 0, sizeof cleaned);
    make_each(MANY, make_one);
    for (int round = 0; round < 2; round++) {
        collect();
        CHECK(hapax_wait_cleanups(WAIT));
    }
    size_t dead = 0;
    for (size_t i = 0; i < MANY; i++)
        if (i % 2) {
            CHECK(hapax_weak_value(weak[i]) == handles[i] && hapax_weak_value(again[i]) == held[i]);
        } else {
            dead += hapax_weak_value(weak[i]) == NULL;
            dead += hapax_weak_value(again[i]) == NULL;
        }
    CHECK(dead >= MOST);
    CHECK(sum(cleaned) >= MOST);
    CHECK(hapax_intern("one of many, 501") == handles[501]);
    return 0;
}

/* ---- Incremental collection ---- */

static atomic_bool done;

static void *churn(void *seed)
{
    unsigned random = (unsigned)(uintptr_t)seed;
    void **own = hapax_alloc(64 * sizeof *own);
    while (!atomic_load(&done)) {
        random = random * 1664525 + 1013904223;
        char text[40];
        snprintf(text, sizeof text, "churned %u", random >> 22);
        hapax_handle handle = hapax_intern(text);
        if (strcmp(hapax_handle_value(handle), text) != 0 || hapax_intern(text) != handle)
            abort();
        own[random >> 26] = (void *)(uintptr_t)handle;
        struct node *node = hapax_alloc(sizeof *node);
        if (random >> 28 == 0) {
            node->number = random % MANY;
            GC_register_finalizer_no_order(node, bring_back_elsewhere, NULL, NULL, NULL);
        }
        if (hapax_weak_value(hapax_weak_make(node)) != node)
            abort();
    }
    hapax_keep_alive(own);
    return NULL;
}

static int churn_for_a_while(void)
{
    pthread_t threads[3];
    for (uintptr_t i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, churn, (void *)(i + 1)) == 0);
    for (int i = 0; i < 30; i++) {
        for (int j = 0; j < 200; j++)
            GC_collect_a_little();
        hapax_collect();
    }
    atomic_store(&done, true);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

/* A small heap would be marked at once, within the time that a pause may take: none here. */
static void mark_in_steps(void)
{
    GC_enable_incremental();
    GC_set_time_limit(0);
    GC_set_rate(1);
}

static int incremental_first(void *unused)
{
    (void)unused;
    GC_INIT();
    mark_in_steps();
    CHECK(GC_is_incremental_mode());
    CHECK(everything_works() == 0);
    CHECK(churn_for_a_while() == 0);
    return everything_works();
}

Test(foreign_start, incremental_before_the_start)
{
    cr_assert_eq(in_child(incremental_first, NULL), 0);
}

static int incremental_later(void *unused)
{
    (void)unused;
    CHECK(everything_works() == 0);
    mark_in_steps();
    CHECK(everything_works() == 0);
    CHECK(churn_for_a_while() == 0);
    return everything_works();
}

Test(foreign_start, incremental_after_the_start)
{
    cr_assert_eq(in_child(incremental_later, NULL), 0);
}

static int incremental_child(void *unused)
{
    (void)unused;
    GC_INIT();
    mark_in_steps();
    CHECK(everything_works() == 0);
    CHECK(in_child(incremental_later, unused) == 0);
    return everything_works();
}

Test(foreign_start, incremental_and_forked)
{
    cr_assert_eq(in_child(incremental_child, NULL), 0);
}

/* ---- Collections that are given up ---- */

static int marks_left;

static int GC_CALLBACK give_up(void)
{
    return --marks_left <= 0;
}

static void collect_in_vain(void)
{
    for (int n = 1; n <= 64; n *= 2) {
        marks_left = n;
        (void)GC_try_to_collect(give_up);
    }
}

static int abandoned(void *unused)
{
    (void)unused;
    CHECK(everything_works() == 0);
    for (int round = 0; round < 3; round++) {
        make_each(MANY, make_one);
        collect_in_vain();
        for (size_t i = 1; i < MANY; i += 2)
            CHECK(hapax_weak_value(weak[i]) == handles[i] && hapax_weak_value(again[i]) == held[i]);
        CHECK(everything_works() == 0);
    }
    return 0;
}

static int abandoned_incremental(void *unused)
{
    mark_in_steps();
    return abandoned(unused);
}

Test(foreign_start, abandoned_marks)
{
    cr_assert_eq(in_child(abandoned, NULL), 0);
    cr_assert_eq(in_child(abandoned_incremental, NULL), 0);
}

/* Collectors that are told of writes: what is stored amidst a collection, in memory that it has searched already, is
 * found only by those who say so. */
static hapax_table *keeping;

static void look_at_nothing(void *unused)
{
    (void)unused;
}

static void finalize_nothing(void *object, void *argument)
{
    (void)object;
    (void)argument;
}

static void store_arguments(size_t i)
{
    void *of_cleanup = hapax_alloc(24), *of_finalizer = hapax_alloc(24);
    weak[i] = hapax_weak_make(of_cleanup);
    again[i] = hapax_weak_make(of_finalizer);
    must(hapax_add_cleanup(held[i], look_at_nothing, of_cleanup, NULL) == 0);
    must(hapax_set_finalizer(held[i], finalize_nothing, of_finalizer) == 0);
}

static void **out_of_sight;     /* in a root range */

static void store_or_pin(size_t i)
{
    void *object = hapax_alloc(24);
    weak[i] = hapax_weak_make(object);
    if (i % 2)
        out_of_sight[i] = object;
    else
        must(hapax_pin(object) == 0);
}

static size_t kept_before;

static void store_kept_value(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "kept %zu", i + kept_before);
    weak[i] = hapax_weak_make(hapax_make_handle(keeping, text, strlen(text)));
}

static void store_kept_values(void)
{
    kept_before = 0;
    make_each(MANY, store_kept_value);
    kept_before = MANY;
    make_each(MANY, store_kept_value);
    kept_before = 2 * MANY;
}

static void hold_all(size_t i)
{
    held[i] = hapax_alloc(16);
}

/* Amidst a collection, after so many of its steps. */
static size_t amidst;

static void make_each_amidst(int steps, void (*make)(size_t))
{
    hapax_collect();
    GC_start_incremental_collection();
    for (int i = 0; i < steps && GC_collect_a_little() != 0; i++)
        ;
    size_t number = GC_get_gc_no();
    make_each(MANY, make);
    amidst += GC_get_gc_no() == number && GC_collect_a_little() != 0;
    while (GC_collect_a_little() != 0)
        ;
    collect();
}

static int told_of_writes(void *unused)
{
    (void)unused;
    GC_set_manual_vdb_allowed(1);
    GC_INIT();
    mark_in_steps();
    CHECK(GC_is_incremental_mode());
    CHECK(everything_works() == 0);
    out_of_sight = calloc(MANY, sizeof *out_of_sight);
    CHECK(hapax_add_roots(out_of_sight, MANY * sizeof *out_of_sight) == 0);
    for (int steps = 0; steps < 60; steps += steps / 4 + 1) {
        make_each(MANY, hold_all);
        make_each_amidst(steps, store_arguments);
        CHECK(count_dead(weak, MANY) == 0);
        CHECK(count_dead(again, MANY) == 0);
        make_each_amidst(steps, store_or_pin);
        CHECK(count_dead(weak, MANY) == 0);
        keeping = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
        store_kept_values();
        make_each_amidst(steps, store_kept_value);
        CHECK(count_dead(weak, MANY) == 0);
    }
#ifndef HAPAX_HARD_TESTS    /* whose collections come in between, and end what has begun */
    CHECK(amidst > 0);
#endif
    return everything_works();
}

Test(foreign_start, told_of_writes)
{
    cr_assert_eq(in_child(told_of_writes, NULL), 0);
}

/* ---- Callbacks of the program's ---- */

static GC_on_collection_event_proc previous_event;
static GC_push_other_roots_proc previous_push;
static GC_await_finalize_proc previous_await;
static atomic_int events, pushes, awaits;

static void GC_CALLBACK count_events(GC_EventType event)
{
    if (event == GC_EVENT_MARK_END)
        atomic_fetch_add(&events, 1);
    if (previous_event != NULL)
        previous_event(event);
}

static void GC_CALLBACK count_pushes(void)
{
    atomic_fetch_add(&pushes, 1);
    previous_push();
}

static void GC_CALLBACK count_awaits(void *object)
{
    atomic_fetch_add(&awaits, 1);
    if (previous_await != NULL)
        previous_await(object);
}

static void GC_CALLBACK finalize_foreign(void *object, void *unused)
{
    (void)object;
    (void)unused;
}

static void make_awaited(size_t i)
{
    (void)i;
    GC_register_finalizer_no_order(GC_MALLOC(32), finalize_foreign, NULL, NULL, NULL);
}

static int are_called(void)
{
    CHECK(everything_works() == 0);
    make_each(MANY, make_awaited);
    collect();
    CHECK(atomic_load(&events) > 0 && atomic_load(&pushes) > 0 && atomic_load(&awaits) >= MOST);
    return 0;
}

static void hang_in(void)
{
    previous_event = GC_get_on_collection_event();
    GC_set_on_collection_event(count_events);
    previous_push = GC_get_push_other_roots();
    GC_set_push_other_roots(count_pushes);
    previous_await = GC_get_await_finalize_proc();
    GC_set_await_finalize_proc(count_awaits);
}

static int callbacks_before(void *unused)
{
    (void)unused;
    GC_INIT();
    hang_in();
    return are_called();
}

static int callbacks_after(void *unused)
{
    (void)unused;
    CHECK(hapax_init() == 0);
    hang_in();
    return are_called();
}

static int callbacks_between(void *unused)
{
    CHECK(callbacks_after(unused) == 0);
    /* Taken away again, in order. */
    GC_set_on_collection_event(previous_event);
    GC_set_push_other_roots(previous_push);
    GC_set_await_finalize_proc(previous_await);
    atomic_store(&events, 0);
    CHECK(everything_works() == 0);
    CHECK(atomic_load(&events) == 0);
    return 0;
}

Test(foreign_start, callbacks_that_were_there_before_are_called)
{
    cr_assert_eq(in_child(callbacks_before, NULL), 0);
}

Test(foreign_start, callbacks_that_came_later_and_call_ours)
{
    cr_assert_eq(in_child(callbacks_after, NULL), 0);
    cr_assert_eq(in_child(callbacks_between, NULL), 0);
}

static void GC_CALLBACK event_that_calls_nobody(GC_EventType event)
{
    (void)event;
}

static GC_push_other_roots_proc before_ours;

static void GC_CALLBACK push_without_ours(void)
{
    before_ours();
}

static int cut_off_by_event(void *collect_how)
{
    CHECK(everything_works() == 0);
    GC_set_on_collection_event(event_that_calls_nobody);
    ((void (*)(void))(uintptr_t)collect_how)();
    return 0;
}

static int cut_off_and_restored(void *collect_how)
{
    CHECK(hapax_init() == 0);
    GC_on_collection_event_proc ours = GC_get_on_collection_event();
    GC_set_on_collection_event(event_that_calls_nobody);
    GC_gcollect();
    GC_set_on_collection_event(ours);
    ((void (*)(void))(uintptr_t)collect_how)();
    return 0;
}

static int cut_off_by_roots(void *collect_how)
{
    GC_INIT();
    before_ours = GC_get_push_other_roots();
    CHECK(everything_works() == 0);
    GC_set_push_other_roots(push_without_ours);
    ((void (*)(void))(uintptr_t)collect_how)();
    return 0;
}

static int cut_off_incremental(void *collect_how)
{
    GC_INIT();
    GC_enable_incremental();
    return cut_off_by_event(collect_how);
}

/* By both: the next call that needs memory for a value finds out. */
static int cut_off_by_both(void *collect_how)
{
    GC_INIT();
    before_ours = GC_get_push_other_roots();
    CHECK(everything_works() == 0);
    GC_set_push_other_roots(push_without_ours);
    GC_set_on_collection_event(event_that_calls_nobody);
    ((void (*)(void))(uintptr_t)collect_how)();
    return 0;
}

static void collect_and_intern(void)
{
    GC_gcollect();
    for (unsigned i = 0; i < 10000; i++) {
        char text[40];
        snprintf(text, sizeof text, "interned unseen %u", i);
        (void)hapax_intern(text);
    }
}

static void allocate_until_collected(void)
{
    size_t before = GC_get_gc_no();
    while (GC_get_gc_no() < before + 3)
        GC_MALLOC(1000);
}

static void says_so(int (*program)(void *), void (*collect_how)(void), const char *what)
{
    char heard[4096];
    int end = in_child_heard(program, (void *)(uintptr_t)collect_how, heard, sizeof heard);
    cr_expect_eq(end, 1000 + SIGABRT, "ended with %d", end);
    cr_expect_not_null(strstr(heard, "hapax: a collection passed unseen"), "%s", heard);
    cr_expect_not_null(strstr(heard, what), "%s", heard);
}

Test(foreign_start, a_callback_that_does_not_call_ours_is_noticed)
{
    static const char event[] = "GC_set_on_collection_event", roots[] = "GC_set_push_other_roots";
    says_so(cut_off_by_event, hapax_collect, event);
    says_so(cut_off_by_event, GC_gcollect, event);
    says_so(cut_off_by_event, allocate_until_collected, event);
    says_so(cut_off_by_roots, hapax_collect, roots);
    says_so(cut_off_by_roots, GC_gcollect, roots);
    says_so(cut_off_by_roots, allocate_until_collected, roots);
    says_so(cut_off_and_restored, hapax_collect, event);
    says_so(cut_off_by_both, hapax_collect, event);
    says_so(cut_off_by_both, collect_and_intern, event);
    says_so(cut_off_incremental, hapax_collect, event);
    says_so(cut_off_incremental, allocate_until_collected, event);
}

/* ---- Programs that do not want interior pointers ---- */

static void **values;

static void hold_value(size_t i)
{
    char text[600];
    snprintf(text, sizeof text, "%zu held by its bytes", i);
    if (i % 3 == 0)
        memset(text + strlen(text), 'x', 500);
    text[500] = '\0';
    hapax_handle handle = hapax_intern(text);
    weak[i] = hapax_weak_make(handle);
    values[i] = (void *)(uintptr_t)hapax_handle_value(handle);
}

static void hold_fixed_value(size_t i)
{
    static hapax_table *table;
    if (table == NULL) {
        struct hapax_type type = {.name = "pair", .size = 16};
        table = hapax_table_new(&type, 0);
    }
    uint64_t pair[2] = {i, ~(uint64_t)i};
    hapax_handle handle = hapax_make_handle(table, pair, sizeof pair);
    weak[i] = hapax_weak_make(handle);
    values[i] = (void *)(uintptr_t)hapax_handle_value(handle);
}

static void hold_argument_inside(size_t i)
{
    char *argument = hapax_alloc(64);
    weak[i] = hapax_weak_make(argument);
    held[i] = hapax_alloc(16);
    must(hapax_add_cleanup(held[i], look_at_nothing, argument + 40, NULL) == 0);
}

static void point_inside(size_t i)
{
    char *object = held[i] = hapax_alloc(64);
    weak[i] = hapax_weak_make(object + 1 + i % 63);
    again[i] = hapax_weak_make(object);
}

static void pin_inside(size_t i)
{
    char *object = hapax_alloc(64);
    weak[i] = hapax_weak_make(object);
    must(hapax_pin(object + 33) == 0);
}

static void hold_finalizers_argument_inside(size_t i)
{
    char *argument = hapax_alloc(64);
    weak[i] = hapax_weak_make(argument);
    held[i] = hapax_alloc(16);
    must(hapax_set_finalizer(held[i], finalize_nothing, argument + 40) == 0);
}

static size_t size_of_neighbours;

static void make_neighbours(size_t i)
{
    char *object = hapax_alloc(size_of_neighbours);
    weak[i] = hapax_weak_make(object);
    out_of_sight[i] = i % 2 ? NULL : object + size_of_neighbours;
}

static int without_interior_pointers(void *unused)
{
    (void)unused;
    GC_set_all_interior_pointers(0);
    CHECK(everything_works() == 0);
    values = hapax_alloc(MANY * sizeof *values);

    make_each(MANY, hold_value);
    collect();
    CHECK(count_dead(weak, MANY) == 0);
    memset(values, 0, MANY * sizeof *values);
    collect();
    CHECK(count_dead(weak, MANY) >= MOST);

    make_each(MANY, hold_fixed_value);
    collect();
    CHECK(count_dead(weak, MANY) == 0);

    make_each(MANY, point_inside);
    collect();
    for (size_t i = 0; i < MANY; i++) {
        CHECK(hapax_weak_value(weak[i]) == (char *)held[i] + 1 + i % 63);
        CHECK(hapax_weak_make((char *)held[i] + 1 + i % 63) == weak[i]);
    }
    memset(held, 0, sizeof held);
    collect();
    CHECK(count_dead(weak, MANY) == count_dead(again, MANY));
    CHECK(count_dead(weak, MANY) >= MOST);

    make_each(MANY, hold_argument_inside);
    collect();
    CHECK(count_dead(weak, MANY) == 0);
    make_each(MANY, hold_finalizers_argument_inside);
    collect();
    CHECK(count_dead(weak, MANY) == 0);
    make_each(MANY, pin_inside);
    collect();
    CHECK(count_dead(weak, MANY) == 0);

    /* Root ranges are searched as stacks are: for pointers to anywhere in an object, or just behind it. */
    out_of_sight = calloc(MANY, sizeof *out_of_sight);
    CHECK(hapax_add_roots(out_of_sight, MANY * sizeof *out_of_sight) == 0);
    for (size_of_neighbours = 16; size_of_neighbours <= 64; size_of_neighbours += 16) {
        make_each(MANY, make_neighbours);
        collect();
        size_t dead = 0;
        for (size_t i = 0; i < MANY; i++)
            if (i % 2)
                dead += hapax_weak_value(weak[i]) == NULL;
            else
                CHECK(hapax_weak_value(weak[i]) != NULL);
        CHECK(dead >= MOST / 2);
    }
    return everything_works();
}

Test(foreign_start, without_interior_pointers)
{
    cr_assert_eq(in_child(without_interior_pointers, NULL), 0);
}
