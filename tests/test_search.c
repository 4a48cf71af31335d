/* SPDX-License-Identifier: MIT */
/* The search of malloc's memory: when it is on, what it costs, what it leaves alone. Programs that count on it are in
 * tests/natural. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>

static hapax_weak weak[MANY];
static void **in_malloc;        /* room for MANY pointers */

static void start(void)
{
    unsetenv("HAPAX_SEARCH");
    cr_assert_eq(hapax_init(), 0);
    if (hapax_search_malloc(true) != 0)
        cr_skip("this allocator's memory cannot be searched");
    in_malloc = calloc(MANY, sizeof *in_malloc);
}

TestSuite(search, .init = start, .timeout = 120);
TestSuite(search_start, .timeout = 120);

static void make_in_malloc(size_t i)
{
    in_malloc[i] = hapax_alloc(24 + i % 100);
    weak[i] = hapax_weak_make(in_malloc[i]);
}

static struct hapax_stats stats(void)
{
    struct hapax_stats now;
    hapax_stats(&now);
    return now;
}

Test(search, keeps_what_malloc_memory_points_to_until_it_is_turned_off)
{
    make_each(MANY, make_in_malloc);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    cr_assert_eq(hapax_search_malloc(false), 0);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

Test(search, is_counted)
{
    struct hapax_stats before = stats();
    collect();
    struct hapax_stats after = stats();
    cr_assert_gt(after.searched_bytes, before.searched_bytes + MANY * sizeof *in_malloc);
    cr_assert_gt(after.search_ns, before.search_ns);
    cr_assert_eq(hapax_search_malloc(false), 0);
    before = stats();
    collect();
    after = stats();
    cr_assert_eq(after.searched_bytes, before.searched_bytes);
    cr_assert_eq(after.search_ns, before.search_ns);
}

/* ---- When it is on ---- */

/* Whether an object that only malloc's memory leads to stays. */
static bool stays_in_malloc(void)
{
    in_malloc = calloc(MANY, sizeof *in_malloc);
    make_each(MANY, make_in_malloc);
    collect();
    return count_dead(weak, MANY) < MOST;
}

static int by_itself(void *unused)
{
    (void)unused;
    unsetenv("HAPAX_SEARCH");
    CHECK(hapax_init() == 0);
    CHECK(stays_in_malloc() == (hapax_search_malloc(true) == 0));
    return 0;
}

static int started_by_the_program(void *unused)
{
    (void)unused;
    unsetenv("HAPAX_SEARCH");
    GC_INIT();
    size_t least = GC_get_min_bytes_allocd();
    CHECK(hapax_init() == 0);
    CHECK(!stays_in_malloc());
    CHECK(stats().searched_bytes == 0 && stats().search_ns == 0);
    CHECK(GC_get_min_bytes_allocd() == least);
    return 0;
}

static int started_by_the_program_with(void *variable)
{
    setenv("HAPAX_SEARCH", variable, 1);
    GC_INIT();
    CHECK(hapax_init() == 0);
    CHECK(stays_in_malloc() == (strcmp(variable, "malloc") == 0 && hapax_search_malloc(true) == 0));
    return 0;
}

static int by_itself_with(void *variable)
{
    setenv("HAPAX_SEARCH", variable, 1);
    CHECK(hapax_init() == 0);
    CHECK(stays_in_malloc() == (strcmp(variable, "malloc") == 0 && hapax_search_malloc(true) == 0));
    return 0;
}

Test(search_start, is_on_where_the_library_has_started_the_collector)
{
    cr_assert_eq(in_child(by_itself, NULL), 0);
    cr_assert_eq(in_child(by_itself_with, (void *)(uintptr_t)"explicit"), 0);
    cr_assert_eq(in_child(by_itself_with, (void *)(uintptr_t)"malloc"), 0);
}

Test(search_start, is_off_where_the_program_has)
{
    cr_assert_eq(in_child(started_by_the_program, NULL), 0);
    cr_assert_eq(in_child(started_by_the_program_with, (void *)(uintptr_t)"malloc"), 0);
    cr_assert_eq(in_child(started_by_the_program_with, (void *)(uintptr_t)"explicit"), 0);
}

/* ---- What is freed ---- */

struct node {
    struct node *left, *right;
    char before[24];        /* what malloc writes into free blocks is elsewhere */
    hapax_handle name;
    char behind[24];
};

static struct node *build(unsigned from, unsigned to)
{
    if (from >= to)
        return NULL;
    char text[40];
    unsigned middle = from + (to - from) / 2;
    struct node *node = malloc(sizeof *node);
    snprintf(text, sizeof text, "a name in a tree, number %u", middle);
    node->name = hapax_intern(text);
    node->left = build(from, middle);
    node->right = build(middle + 1, to);
    return node;
}

static void drop(struct node *node)
{
    if (node == NULL)
        return;
    drop(node->left);
    drop(node->right);
    free(node);
}

static uint64_t live(void)
{
    struct hapax_table_stats table;
    hapax_table_stats(hapax_strings(), &table);
    return table.live;
}

/* Other blocks than those that were freed, as many bytes. */
static void **allocate_as_much(unsigned blocks, size_t size)
{
    void **all = malloc(blocks * sizeof *all);
    for (unsigned i = 0; i < blocks; i++)
        all[i] = calloc(1, size);
    return all;
}

Test(search, what_is_freed_is_collected)
{
    enum { VALUES = 200000 };
    static const size_t sizes[] = {24, 200, 5000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        drop(build(0, VALUES));
        unsigned blocks = (unsigned)(VALUES * sizeof(struct node) / sizes[i]);
        void **all = allocate_as_much(blocks, sizes[i]);
        collect();
        cr_assert_leq(live(), VALUES / 100, "%zu", sizes[i]);
        for (unsigned j = 0; j < blocks; j++)
            free(all[j]);
        free(all);
    }
}

/* Small blocks among others that stay: nothing is given back to the system, nothing used again. */
Test(search, what_is_freed_among_others_is_collected)
{
    enum { VALUES = 20000 };
    struct node **nodes = malloc(VALUES * sizeof(struct node *));
    for (unsigned i = 0; i < VALUES; i++)
        nodes[i] = build(i, i + 1);
    for (unsigned i = 0; i < VALUES; i += 2) {
        free(nodes[i]);
        nodes[i] = NULL;
    }
    collect();
    cr_assert_geq(live(), VALUES / 2);
    cr_assert_leq(live(), VALUES / 2 + VALUES / 100);
    for (unsigned i = 1; i < VALUES; i += 2)
        free(nodes[i]);
    free(nodes);
}

__attribute__((noinline)) static void pin_and_unpin(void)
{
    make_each(MANY, make_in_malloc);
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(hapax_pin(in_malloc[i]), 0);
    for (size_t i = 0; i < MANY; i++)
        hapax_unpin(in_malloc[i]);
    memset(in_malloc, 0, MANY * sizeof *in_malloc);
}

/* The library's own blocks come to the program when they are freed, and the program need not write all of a block. */
Test(search, what_was_pinned_is_collected)
{
    enum { BLOCKS = 64, SMALLEST = 256, LARGEST = 64 << 10 };
    static void *blocks[BLOCKS];
    size_t count = 0;
    pin_and_unpin();
    for (size_t size = LARGEST; size >= SMALLEST; size /= 2)
        for (unsigned i = 0; i < 4; i++)
            blocks[count++] = malloc(size);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    while (count > 0)
        free(blocks[--count]);
}

/* ---- Pages that nobody has touched ---- */

static size_t resident_pages(void)
{
    char text[100] = "";
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long size = 0, resident = 0;
    if (file != NULL) {
        if (fgets(text, sizeof text, file) != NULL)
            sscanf(text, "%lu %lu", &size, &resident);
        fclose(file);
    }
    return resident;
}

Test(search, does_not_touch_pages_that_the_program_has_not)
{
    enum { BYTES = 512 << 20, EVERY = 1 << 20 };
    char *sparse = malloc(BYTES);
    cr_assert_not_null(sparse);
    /* A pointer here and there is found. */
    make_each(MANY, make_in_malloc);
    for (size_t i = 0; i < BYTES / EVERY && i < MANY; i++) {
        memcpy(sparse + i * EVERY, &in_malloc[i], sizeof *in_malloc);
        in_malloc[i] = NULL;
    }
    struct hapax_stats before = stats();
    size_t resident = resident_pages();
    collect();
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    cr_assert_leq(stats().searched_bytes - before.searched_bytes, BYTES / 4);
    cr_assert_leq(resident_pages(), resident + 2000);
    free(sparse);
}

/* ---- Threads that are not stopped ---- */

static atomic_bool go_on;

static void *map_and_unmap(void *unused)
{
    (void)unused;
    unsigned number = 1;
    while (go_on) {
        void *blocks[8];
        for (unsigned i = 0; i < 8; i++) {
            number = number * 1664525u + 1013904223u;
            size_t size = (size_t)1 << (10 + (number >> 16) % 12);
            blocks[i] = malloc(size);
            memset(blocks[i], (int)number, size);
        }
        for (unsigned i = 0; i < 8; i++)
            free(blocks[i]);
        if (number % 64 < 8)
            free(malloc(1));
    }
    return NULL;
}

static void *live_shortly(void *unused)
{
    free(malloc(100000));
    return unused;
}

static void *start_threads(void *unused)
{
    (void)unused;
    while (go_on) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, live_shortly, NULL) == 0)
            pthread_join(thread, NULL);
    }
    return NULL;
}

Test(search, beside_threads_that_map_and_unmap_memory)
{
    const char *wanted = getenv("SEARCH_SECONDS");
    unsigned seconds = wanted != NULL ? (unsigned)atoi(wanted) : 2;
    pthread_t threads[3];
    /* Else the allocator soon stops mapping such blocks one by one. */
    mallopt(M_MMAP_THRESHOLD, 64 << 10);
    go_on = true;
    pthread_create(&threads[0], NULL, map_and_unmap, NULL);
    pthread_create(&threads[1], NULL, map_and_unmap, NULL);
    pthread_create(&threads[2], NULL, start_threads, NULL);
    make_each(MANY, make_in_malloc);
    for (uint64_t end = (uint64_t)time(NULL) + seconds; (uint64_t)time(NULL) < end;) {
        hapax_collect();
        cr_assert_eq(count_dead(weak, MANY), 0);
    }
    go_on = false;
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

/* ---- The collector's pace ---- */

Test(search, keeps_what_the_program_has_set_as_the_least)
{
    enum { LEAST = 123 << 20 };
    char *large = malloc(10 << 20);
    memset(large, 1, 10 << 20);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = 0; j < 100000; j++)
            hapax_keep_alive(hapax_alloc(64));
        collect();
    }
    cr_assert_gt(GC_get_min_bytes_allocd(), 1u);
    /* Without searches it is what it was. */
    cr_assert_eq(hapax_search_malloc(false), 0);
    cr_assert_eq(GC_get_min_bytes_allocd(), 1u);
    cr_assert_eq(hapax_search_malloc(true), 0);
    GC_set_min_bytes_allocd(LEAST);
    collect();
    collect();
    cr_assert_geq(GC_get_min_bytes_allocd(), (size_t)LEAST);
    cr_assert_eq(hapax_search_malloc(false), 0);
    cr_assert_eq(GC_get_min_bytes_allocd(), (size_t)LEAST);
    free(large);
}

/* ---- Root ranges ---- */

static int collect_without_range(void *data)
{
    size_t size = 1 << 20;
    void **range = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(hapax_add_roots(range, size) == 0);
    range[0] = hapax_alloc(100);
    collect();
    if (data == NULL)
        munmap((char *)range + size / 2, size / 2);
    else
        mprotect(range, size / 4, PROT_NONE);
    collect();
    return 0;
}

Test(search_start, a_root_range_that_is_gone_ends_the_process_with_a_line)
{
    static char heard[1000];
    for (uintptr_t way = 0; way < 2; way++) {
        cr_assert_eq(in_child_heard(collect_without_range, (void *)way, heard, sizeof heard), 1000 + SIGABRT);
        cr_assert_not_null(strstr(heard, "hapax: the root range of 1048576 bytes at 0x"), "%s", heard);
        /* The line cannot be had if the linker has moved the code: then it is the function, and how far in. */
        cr_assert(strstr(heard, "test_search.c:") != NULL || strstr(heard, "+0x") != NULL, "%s", heard);
        cr_assert_eq(strchr(heard, '\n'), heard + strlen(heard) - 1, "%s", heard);
    }
}

/* ---- Forks, and little room ---- */

/* Of the main thread. Volatile: they are only written. */
static _Thread_local void *volatile in_local[MANY];
static hapax_weak weak_of_local[MANY];

static void make_in_local(size_t i)
{
    in_local[i] = hapax_alloc(24 + i % 100);
    weak_of_local[i] = hapax_weak_make(in_local[i]);
}

static int in_the_child(void *unused)
{
    (void)unused;
    collect();
    CHECK(count_dead(weak, MANY) == 0);
    CHECK(count_dead(weak_of_local, MANY) == 0);
    make_each(MANY, make_in_malloc);
    collect();
    CHECK(count_dead(weak, MANY) == 0);
    return 0;
}

Test(search, goes_on_in_the_child_of_a_fork)
{
    make_each(MANY, make_in_malloc);
    make_each(MANY, make_in_local);
    collect();
    cr_assert_eq(count_dead(weak_of_local, MANY), 0);
    cr_assert_eq(in_child(in_the_child, NULL), 0);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    cr_assert_eq(count_dead(weak_of_local, MANY), 0);
}
