/* SPDX-License-Identifier: MIT */
/* Memory from the system. */
#include "config.h"

#include "base/own_pages.h"
#include "base/pages.h"
#include "base/pool.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(pages, .timeout = 60);

enum { UNUSUAL = 9999 };

/* More than there are addresses. */
static const size_t too_much = SIZE_MAX / 4 * 3;

/* A thread that is refused may take less, or have a collection make room, and succeed. */
Test(pages, errno_is_left_alone)
{
    errno = UNUSUAL;
    cr_assert_null(pages_alloc(too_much));
    cr_assert_null(pages_alloc_lazily(too_much));
    cr_assert_null(pages_reserve(too_much, PAGE_BYTES));
    cr_assert_eq(errno, UNUSUAL);
    char *reserved = pages_reserve(16 * PAGE_BYTES, PAGE_BYTES);
    cr_assert_not_null(reserved);
    pages_free(reserved + 8 * PAGE_BYTES, 8 * PAGE_BYTES);
    cr_assert_not(pages_commit(reserved, 16 * PAGE_BYTES));
    cr_assert_eq(errno, UNUSUAL);
    cr_assert(pages_commit(reserved, 8 * PAGE_BYTES));
    reserved[8 * PAGE_BYTES - 1] = 1;
    pages_give_back(reserved, 8 * PAGE_BYTES);
    cr_assert_eq(reserved[8 * PAGE_BYTES - 1], 0);
    pages_free(reserved, 8 * PAGE_BYTES);
    cr_assert_eq(errno, UNUSUAL);
}

/* ---- Beside a thread that changes them ---- */

static struct pool blocks = {.block = 32};
static atomic_bool done;
static atomic_uint changes, interruptions;

static void change_once(void)
{
    void *pages = pages_alloc(PAGE_BYTES), *block = pool_take(&blocks);
    if (pages == NULL || block == NULL)
        abort();
    pool_give_back(&blocks, block);
    pages_free(pages, PAGE_BYTES);
}

/* Only what changes our own books: nearly every interruption falls into them. */
static void *change(void *unused)
{
    static char some[PAGE_BYTES];
    while (!atomic_load(&done)) {
        own_pages_add(some, sizeof some);
        own_pages_remove(some, sizeof some);
        pool_give_back(&blocks, pool_take(&blocks));
        atomic_fetch_add(&changes, 1u);
    }
    return unused;
}

static pthread_t begin_to_change(void)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, change, NULL), 0);
    while (atomic_load(&changes) == 0)
        sched_yield();
    return thread;
}

static void end_of_change(pthread_t thread)
{
    atomic_store(&done, true);
    pthread_join(thread, NULL);
}

/* The child has the books as the fork found them, and the thread has gone. */
Test(pages, a_child_goes_on_from_any_state)
{
    pthread_t thread = begin_to_change();
    for (int i = 0; i < 1000; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(20);
            change_once();
            _exit(0);
        }
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0, "%d", i);
    }
    end_of_change(thread);
}

static void interrupt(int number)
{
    (void)number;
    static char others[PAGE_BYTES];
    own_pages_add(others, sizeof others);
    own_pages_remove(others, sizeof others);
    atomic_fetch_add(&interruptions, 1u);
}

/* As if the world had been stopped, and the collection now told of pages of its own. */
Test(pages, a_collection_goes_on_from_any_state)
{
    signal(SIGUSR1, interrupt);
    pthread_t thread = begin_to_change();
    for (unsigned i = 0; i < 20000; i++) {
        unsigned before = atomic_load(&interruptions);
        pthread_kill(thread, SIGUSR1);
        while (atomic_load(&interruptions) == before)
            sched_yield();
    }
    end_of_change(thread);
}

static size_t count_ranges(const char *start)
{
    static struct page_range list[1 << 16];
    size_t count = own_pages_list(list, sizeof list / sizeof *list), found = 0;
    for (size_t i = 0; i < count; i++)
        found += list[i].start == (uintptr_t)start && list[i].end == (uintptr_t)start + PAGE_BYTES;
    return found;
}

enum { CHANGERS = 4, KEPT = 500 };
static char *kept[CHANGERS][KEPT];
static void *taken[CHANGERS][KEPT];

static void *keep(void *rows)
{
    size_t self = (size_t)rows;
    for (size_t i = 0; i < KEPT; i++) {
        for (int turn = 0; turn < 10; turn++)
            change_once();
        kept[self][i] = pages_alloc(PAGE_BYTES);
        taken[self][i] = pool_take(&blocks);
        if (kept[self][i] == NULL || taken[self][i] == NULL)
            abort();
        *(void **)taken[self][i] = &taken[self][i];
    }
    return NULL;
}

Test(pages, all_threads_change_the_books)
{
    pthread_t threads[CHANGERS];
    for (size_t i = 0; i < CHANGERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, keep, (void *)i), 0);
    for (size_t i = 0; i < CHANGERS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < CHANGERS; i++)
        for (size_t k = 0; k < KEPT; k++) {
            cr_assert_eq(count_ranges(kept[i][k]), 1);
            cr_assert_eq(*(void **)taken[i][k], &taken[i][k], "a block was given to two");
            pages_free(kept[i][k], PAGE_BYTES);
            cr_assert_eq(count_ranges(kept[i][k]), 0);
        }
}
