/* SPDX-License-Identifier: MIT */
/* Programs that use the collector beside the library: their callbacks and settings. */
#include "config.h"

#include "foreign_objects.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <errno.h>
#include <gc/gc.h>
#include <gc/gc_mark.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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
    /* Of a collection in steps the next one finds out. */
    if (GC_is_incremental_mode())
        hapax_collect();
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
    cr_expect_not_null(strstr(heard, "hapax: the library has missed a collection"), "%s", heard);
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

/* ---- Programs that use the collector's debugging functions ---- */

static atomic_size_t finalized_whole, finalized_not_whole;

static void finalize_node(void *object, void *argument)
{
    const struct node *node = object;
    bool whole = node->number == (size_t)(uintptr_t)argument && node->next == object;
    atomic_fetch_add(whole ? &finalized_whole : &finalized_not_whole, 1);
}

static void make_debugged(size_t i)
{
    struct node *node = GC_debug_malloc(sizeof *node, __FILE__, __LINE__);
    node->number = i;
    node->next = node;
    weak[i] = hapax_weak_make(node);
    must(hapax_weak_value(weak[i]) == node);
    must(hapax_set_finalizer(node, finalize_node, (void *)(uintptr_t)i) == 0);
    errno = 0;
    must(hapax_set_finalizer(node, finalize_node, NULL) == -1 && errno == EEXIST);
    if (i % 10 == 0)
        must(hapax_set_finalizer(node, NULL, NULL) == 0 &&
             hapax_set_finalizer(node, finalize_node, (void *)(uintptr_t)i) == 0);
    must(hapax_set_finalizer(&node->next, finalize_node, NULL) == -1 && errno == EINVAL);
    must(hapax_add_cleanup(node, look_at_nothing, NULL, NULL) == 0);
}

/* An object without a header, and a pointer that lies where one would end. */
static void refuse_what_only_looks_like_one(size_t i)
{
    char *object = hapax_alloc(200);
    memset(object, (int)i, 200);
    errno = 0;
    must(hapax_set_finalizer(object + GC_get_debug_header_size(), finalize_node, NULL) == -1 && errno == EINVAL);
}

static int with_debugging_functions(void *unused)
{
    (void)unused;
    GC_INIT();
    make_each(MANY, refuse_what_only_looks_like_one);
    make_each(MANY, make_debugged);
    CHECK(everything_works() == 0);
    collect();
    CHECK(hapax_wait_cleanups(FOR_EVER));
    CHECK(atomic_load(&finalized_whole) >= MOST && atomic_load(&finalized_not_whole) == 0);
    return 0;
}

Test(foreign_start, with_debugging_functions)
{
    cr_assert_eq(in_child(with_debugging_functions, NULL), 0);
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
    /* Most pointers to its bytes would not keep a file mapped. */
    errno = 0;
    CHECK(hapax_map_bytes("/proc/self/exe", NULL) == NULL && errno == ENOTSUP);
    CHECK(hapax_mapped_file_open("/proc/self/exe") != NULL);
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
