/* SPDX-License-Identifier: MIT */
/* The library starts by itself, from whatever is called first. */
#include "config.h"

#include "entry_calls.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <errno.h>
#include <gc/gc.h>
#include <sys/resource.h>

/* ---- The first call ---- */

/* Whatever came first: from here on everything works. */

Test(start, from_any_function)
{
    for (size_t i = 0; i < ENTRIES; i++)
        cr_expect_eq(in_child(first_call, (void *)(uintptr_t)&entries[i]), 0, "%s", entries[i].name);
}

static int first_call_in_thread(void *entry)
{
    in_thread(call_in_thread, entry);
    CHECK(right);
    return everything_works();
}

Test(start, from_any_function_in_a_thread_that_ends_soon)
{
    for (size_t i = 0; i < ENTRIES; i++)
        /* That one starts the collector without us, and it is not for us to say what becomes of its thread. */
        if (entries[i].call != call_add_cleanup_to_collected)
            cr_expect_eq(in_child(first_call_in_thread, (void *)(uintptr_t)&entries[i]), 0, "%s",
                         entries[i].name);
}

/* Each makes its thread known, long after the library has started too. */

static hapax_weak some_weak;
static hapax_cleanup some_cleanup;

static void call_weak_value_of_some(void)
{
    hapax_weak_value(some_weak);
}
static void call_stop_some(void)
{
    hapax_cleanup_stop(some_cleanup);
}

static void *call_and_ask(void *entry)
{
    bool before = GC_thread_is_registered();
    call_in_thread(entry);
    return (void *)(uintptr_t)(!before && GC_thread_is_registered());
}

static int later_call_in_thread(void *data)
{
    const struct entry *entry = data;
    static void *object;
    CHECK(everything_works() == 0);
    object = hapax_alloc(20);
    some_weak = hapax_weak_make(object);
    CHECK(hapax_add_cleanup(object, nothing, NULL, &some_cleanup) == 0);
    for (int again = 0; again < 3; again++)
        CHECK(in_thread(call_and_ask, data) != NULL || entry->is_idle);
    return everything_works();
}

Test(start, each_function_makes_its_thread_known)
{
    static const struct entry others[] = {
        {"weak_value of something", call_weak_value_of_some, false},
        {"cleanup_stop of something", call_stop_some, false},
    };
    for (size_t i = 0; i < ENTRIES; i++)
        /* That one calls the collector itself, which wants to know the thread first. */
        if (entries[i].call != call_add_cleanup_to_collected)
            cr_expect_eq(in_child(later_call_in_thread, (void *)(uintptr_t)&entries[i]), 0, "%s", entries[i].name);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect_eq(in_child(later_call_in_thread, (void *)(uintptr_t)&others[i]), 0, "%s", others[i].name);
}

/* ---- errno ---- */

static int weak_make_first(void *unused)
{
    (void)unused;
    errno = 77;
    CHECK(hapax_weak_make(&fixed) != NULL);
    CHECK(errno == 77);
    return 0;
}

static int weak_value_first(void *unused)
{
    (void)unused;
    errno = 77;
    CHECK(hapax_weak_value(NULL) == NULL);
    CHECK(hapax_weak_make(NULL) == NULL);
    CHECK(errno == 77);
    return 0;
}

Test(start, leaves_errno_alone)
{
    cr_assert_eq(in_child(weak_make_first, NULL), 0);
    cr_assert_eq(in_child(weak_value_first, NULL), 0);
}

/* ---- Without a free descriptor ---- */

static int start_without_descriptors(void *unused)
{
    (void)unused;
    struct rlimit limit;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    struct rlimit few = {0, limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    for (int i = 0; i < 2; i++) {
        errno = 0;
        CHECK(hapax_init() == -1);
        CHECK(errno == EMFILE);
        errno = 0;
        CHECK(hapax_intern("a name") == NULL);
        CHECK(errno == EMFILE);
    }
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    CHECK(hapax_init() == 0);
    return everything_works();
}

/* The main thread's stack is found by a file; a child of a fork has but the main thread. */
Test(start, says_that_no_file_can_be_opened)
{
    cr_assert_eq(in_child(start_without_descriptors, NULL), 0);
}
