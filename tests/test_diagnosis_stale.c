/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=stale: the use of an evicted value stops the program. In a process of its own each. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct hapax_type pair_type = {.name = "pair", .size = 2 * sizeof(uint64_t)};
static hapax_table *pairs;
static uintptr_t hidden[MANY];      /* stale handles, where nobody searches */
static hapax_weak weak[MANY];
static unsigned cleaned;
static hapax_handle *held;

static hapax_handle text_of(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "this is text %zu", i);
    return hapax_intern(text);
}

static void count(void *unused)
{
    (void)unused;
    cleaned++;
}

static void forget(size_t i)
{
    hapax_handle handle = text_of(i);
    hidden[i] = hide(handle);
    weak[i] = hapax_weak_make(handle);
    if (hapax_add_cleanup(handle, count, NULL, NULL) != 0)
        abort();
}

static void forget_pair(size_t i)
{
    uint64_t pair[2] = {i, i};
    hidden[i] = hide(hapax_make_handle(pairs, pair, sizeof pair));
}

static void hold(size_t i)
{
    held[i] = text_of(i);
}

static void begin(const char *words)
{
    setenv("HAPAX_DEBUG", words, 1);
    held = hapax_alloc(MANY * sizeof *held);
    pairs = hapax_table_new(&pair_type, 0);
    if (hapax_pin(pairs) != 0 || hapax_set_cleanup_threads(0) != 0)
        abort();
}

/* The number of one that is dead. */
static size_t any_dead(void)
{
    for (size_t i = MANY / 2; i < MANY; i++)
        if (hapax_weak_value(weak[i]) == NULL)
            return i;
    abort();
}

/* ---- Uses ---- */

static volatile size_t sink;

static int use_handle(void *words)
{
    begin(words);
    make_each(MANY, forget);
    collect();
    sink = hapax_handle_size(unhide(hidden[any_dead()]));
    return 0;
}

static int use_bytes(void *words)
{
    begin(words);
    make_each(MANY, forget);
    collect();
    sink = (size_t)((const char *)unhide(hidden[any_dead()]))[12];
    return 0;
}

static int use_pair(void *words)
{
    begin(words);
    make_each(MANY, forget_pair);
    collect();
    for (size_t i = 0; i < MANY; i++)
        sink = hapax_handle_size(unhide(hidden[i]));
    return 0;
}

static char heard[10000];

static void expect_stopped(int (*use)(void *), const char *text)
{
    char words[] = "stale";
    int end = in_child_heard(use, words, heard, sizeof heard);
    cr_expect_eq(end, 1000 + SIGABRT, "ended with %d: %s", end, heard);
    cr_expect_not_null(strstr(heard, text), "%s", heard);
    cr_expect_not_null(strstr(heard, "was used after it was evicted: "), "%s", heard);
}

Test(diagnosis, stops_at_a_stale_handle)
{
    expect_stopped(use_handle, "hapax: string \"this is text ");
}

Test(diagnosis, stops_at_stale_bytes)
{
    expect_stopped(use_bytes, "hapax: string \"this is text ");
}

Test(diagnosis, stops_at_stale_values_of_any_type)
{
    expect_stopped(use_pair, "hapax: pair \"");
    cr_expect_not_null(strstr(heard, "\" of 16 bytes at "), "%s", heard);
}

/* ---- What is not stale ---- */

/* No new value has the address of one that was evicted: so no stale handle equals another's. */
static int meet_nobody(void *words)
{
    begin(words);
    make_each(MANY, forget);
    collect();
    size_t dead = 0, met = 0;
    for (size_t i = 0; i < MANY; i++)
        dead += hapax_weak_value(weak[i]) == NULL;
    CHECK(dead >= MOST);
    make_each(MANY, hold);
    for (size_t i = 0; i < MANY; i++)
        for (size_t j = 0; j < MANY; j++)
            met += hapax_weak_value(weak[j]) == NULL && held[i] == unhide(hidden[j]);
    CHECK(met == 0);
    /* Cleanups of values run, and what is held is whole. */
    hapax_run_cleanups();
    CHECK(cleaned >= MOST);
    collect();
    for (size_t i = 0; i < MANY; i++) {
        char text[40];
        snprintf(text, sizeof text, "this is text %zu", i);
        CHECK(strcmp(hapax_handle_value(held[i]), text) == 0);
        CHECK(text_of(i) == held[i]);
    }
    return 0;
}

Test(diagnosis, no_value_meets_a_stale_handle)
{
    char words[] = "stale,often";
    cr_expect_eq(in_child_heard(meet_nobody, words, heard, sizeof heard), 0, "%s", heard);
    cr_expect_str_empty(heard);
}

/* More than are kept aside: the oldest are used again. */
static int evict_many(void *words)
{
    begin(words);
    for (unsigned round = 0; round < 20; round++) {
        make_each(MANY, forget_pair);
        make_each(MANY, forget);
        collect();
        hapax_run_cleanups();
    }
    struct hapax_table_stats stats;
    hapax_table_stats(pairs, &stats);
    CHECK(stats.evicted >= 20 * MOST);
    return 0;
}

Test(diagnosis, keeps_the_last_evicted_aside)
{
    char words[] = "stale";
    cr_expect_eq(in_child_heard(evict_many, words, heard, sizeof heard), 0, "%s", heard);
    cr_expect_str_empty(heard);
}

/* ---- Other faults ---- */

static void on_fault(int number)
{
    (void)number;
    _exit(17);
}

static int fault(void *handled)
{
    if (handled != NULL)
        signal(SIGSEGV, on_fault);
    begin("stale");
    make_each(MANY, forget);
    collect();
    /* Memory that is there: other faults the collector does not pass on while it marks in steps. */
    volatile int *closed = mmap(NULL, sizeof *closed, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *closed = 1;
    return 0;
}

Test(diagnosis, passes_other_faults_on)
{
    cr_expect_eq(in_child_heard(fault, heard, heard, sizeof heard), 17, "%s", heard);
#ifndef __SANITIZE_ADDRESS__
    cr_expect_eq(in_child_heard(fault, NULL, heard, sizeof heard), 1000 + SIGSEGV, "%s", heard);
#endif
    cr_expect_null(strstr(heard, "evicted"));
}
