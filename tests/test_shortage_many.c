/* SPDX-License-Identifier: MIT */
/* Memory that runs out again and again while everything grows, heaps that are full, threads that cannot enter. */
#include "config.h"

#include "injection.h"
#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <errno.h>
#include <gc/gc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(shortage, .timeout = 100);

/* ---- Among many ---- */

/* The hard build has few hashes, so long chains. */
#ifdef HAPAX_HARD_TESTS
enum { OBJECTS = 9000 };
#else
enum { OBJECTS = 20000 };
#endif
static void *objects[OBJECTS];
static hapax_weak weak[OBJECTS];
static hapax_handle handles[OBJECTS];
static hapax_cleanup cleanups[OBJECTS];

static void nothing(void *unused)
{
    (void)unused;
}

static void finalize(void *object, void *unused)
{
    (void)object;
    (void)unused;
}

/* Everything grows; each time, every third allocation fails. */
static int grow(void *data)
{
    long every = (long)(intptr_t)data;
    size_t refusals = 0;
    CHECK(hapax_init() == 0);
    for (size_t i = 0; i < OBJECTS; i++) {
        char text[40];
        snprintf(text, sizeof text, "grown %zu", i);
#define TRY(what, worked)                     \
    for (int again = 0;; again++) {           \
        injection_arm(again < 3 ? every : 0); \
        bool well = (what, worked);           \
        int error = errno;                    \
        (void)injection_disarm();             \
        if (well)                             \
            break;                            \
        refusals++;                           \
        CHECK(error == ENOMEM);               \
        CHECK(again < 3);                     \
    }
        TRY(objects[i] = hapax_alloc(24), objects[i] != NULL)
        TRY(handles[i] = hapax_intern(text), handles[i] != NULL)
        TRY(weak[i] = hapax_weak_make(objects[i]), weak[i] != NULL)
        TRY((void)0, hapax_pin(objects[i]) == 0)
        TRY((void)0, hapax_add_roots(&objects[i], sizeof *objects) == 0)
        TRY((void)0, hapax_add_cleanup(objects[i], nothing, NULL, &cleanups[i]) == 0)
        TRY((void)0, hapax_set_finalizer(objects[i], finalize, NULL) == 0)
#undef TRY
        if (i % 5000 == 0)
            hapax_collect();
    }
    hapax_collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    CHECK(stats.cleanups_pending == OBJECTS && stats.weak_cells == OBJECTS);
    for (size_t i = 0; i < OBJECTS; i++) {
        char text[40];
        snprintf(text, sizeof text, "grown %zu", i);
        CHECK(strcmp(hapax_handle_value(handles[i]), text) == 0 && hapax_intern(text) == handles[i]);
        CHECK(hapax_weak_value(weak[i]) == objects[i] && hapax_weak_make(objects[i]) == weak[i]);
        hapax_unpin(objects[i]);
        hapax_remove_roots(&objects[i], sizeof *objects);
        hapax_cleanup_stop(cleanups[i]);
        CHECK(hapax_set_finalizer(objects[i], NULL, NULL) == 0);
    }
    hapax_stats(&stats);
    CHECK(stats.cleanups_pending == 0);
    memset(handles, 0, sizeof handles);
    memset(objects, 0, sizeof objects);
    collect();
    CHECK(count_dead(weak, OBJECTS) >= OBJECTS / 10 * 9);
    struct hapax_table_stats table;
    hapax_table_stats(hapax_strings(), &table);
    CHECK(table.live <= OBJECTS / 10);
    CHECK(refusals > 0);
    return 0;
}

Test(shortage, everything_grows_with_failures_in_between)
{
    for (long every = 1; every <= 3; every++)
        cr_assert_eq(in_child(grow, (void *)(intptr_t)every), 0, "every %ld", every);
}

/* ---- A thread that cannot enter ---- */

static atomic_uint cleaned;

static void count_cleaned(void *unused)
{
    (void)unused;
    atomic_fetch_add(&cleaned, 1u);
}

static void make_cleaned(size_t i)
{
    (void)i;
    if (hapax_add_cleanup(hapax_alloc(32), count_cleaned, NULL, NULL) != 0)
        abort();
}

static int thread_fails_to_enter(void *unused)
{
    (void)unused;
    CHECK(hapax_init() == 0);
    atomic_store(&injection_entries_to_fail, 1u);
    CHECK(hapax_set_cleanup_threads(1) == 0);
    while (atomic_load(&injection_entries_to_fail) > 0)
        usleep(1000);
    usleep(50000);
    /* The next cleanup that is added has a thread started anew. */
    make_each(MANY, make_cleaned);
    collect();
    CHECK(hapax_wait_cleanups(FOR_EVER));
    CHECK(atomic_load(&cleaned) >= MOST);
    return 0;
}

Test(shortage, a_thread_that_cannot_enter_is_started_anew)
{
    cr_assert_eq(in_child(thread_fails_to_enter, NULL), 0);
}

/* ---- A heap that is full ---- */

enum { ROOM = 8 << 20 };
static hapax_handle kept[OBJECTS];
static void **blocks;

static int full_heap(void *unused)
{
    (void)unused;
    CHECK(hapax_init() == 0);
    GC_set_max_heap_size(GC_get_heap_size() + ROOM);
    /* However much there is from the beginning. */
    while (GC_get_free_bytes() > ROOM) {
        void **block = hapax_alloc(1 << 16);
        CHECK(block != NULL);
        *block = blocks;
        blocks = block;
    }
    /* Handles until nothing goes any more. */
    size_t made = 0;
    char text[1100];
    memset(text, 'x', sizeof text);
    for (; made < OBJECTS; made++) {
        snprintf(text, 20, "%06zu", made);
        text[strlen(text)] = ' ';
        if ((kept[made] = hapax_make_handle(hapax_strings(), text, 1000)) == NULL)
            break;
    }
    CHECK(errno == ENOMEM && made > 1000 && made < OBJECTS);
    errno = 0;
    CHECK(hapax_alloc(1 << 20) == NULL && errno == ENOMEM);
    /* What is there is there, and is found. */
    for (size_t i = 0; i < made; i++) {
        snprintf(text, 20, "%06zu", i);
        text[strlen(text)] = ' ';
        CHECK(hapax_find_handle(hapax_strings(), text, 1000) == kept[i]);
        CHECK(memcmp(hapax_handle_value(kept[i]), text, 1000) == 0);
    }
    /* Half of it goes, and there is room again. */
    memset(kept, 0, made / 2 * sizeof *kept);
    memset(text, 0, sizeof text);
    collect();
    for (size_t i = 0; i < made / 4; i++) {
        snprintf(text, sizeof text, "after the shortage, %zu", i);
        CHECK((kept[i] = hapax_intern(text)) != NULL);
    }
    return 0;
}

Test(shortage, a_full_heap)
{
    cr_assert_eq(in_child(full_heap, NULL), 0);
}
