/* SPDX-License-Identifier: MIT */
/* How a trie grows, shrinks and gives back: src/trie/grow.c, root.h, nodes.h. */
#include "config.h"

#include "trie_suite.h"

#include "trie/nodes.h"
#include "trie/root.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

TestSuite(trie_growth, .init = begin_trie);

/* ---- Growing ---- */

Test(trie_growth, grows_with_what_is_in_it)
{
    uint64_t before = 0;
    for (uint64_t n = 4; n < 400000; n *= 3) {
        struct bare_object *objects = put_many(n - before, before);
        struct trie_walk walk = expect_well_formed();
        cr_expect_eq(walk.entries, n);
        expect_found(objects, n - before);
        struct trie_size size;
        trie_measure(&trie, &size);
        cr_expect_eq(size.slots, (walk.lines + 2 * walk.nodes) * LINE_WORDS);
        cr_expect_eq(size.levels, walk.longest);
        cr_expect_eq(size.bytes, size.slots * sizeof(void *));
        cr_expect_geq(walk.lines * 8 + 32, n, "%llu lines for %llu entries", (unsigned long long)walk.lines,
                      (unsigned long long)n);
        cr_expect_leq(walk.lines, n);
        cr_expect_leq(walk.longest, 4);
        before = n;
    }
    cr_expect(trie_is_large(&trie));
}

/* The first line is the trie's own; then its lines move, one after the other. */
Test(trie_growth, moves_out_of_its_first_line)
{
    enum { N = 8 << SMALL_LOG };
    struct bare_object *objects = bare_objects(N);
    unsigned moves = 0;
    for (unsigned i = 0; i < N; i++) {
        struct trie_line *before = load_relaxed(&trie.lines);
        put_into(&trie, &objects[i], i, spread(i), i + 1);
        moves += load_relaxed(&trie.lines) != before;
        expect_well_formed();
    }
    cr_expect_geq(moves, SMALL_LOG - 1);
    cr_expect_leq(moves, SMALL_LOG + 1);
    expect_found(objects, N);
    for (unsigned i = 0; i < LINE_WORDS; i++)
        cr_expect_eq(load_relaxed(&trie.first.words[i]), 0);
}

/* A region has room for some doublings; then the lines move into one with room for more, and the old one keeps nothing
 * but its addresses. */
Test(trie_growth, moves_out_of_a_region_that_is_full)
{
    unsigned moves = 0;
    const struct trie_region *before = NULL;
    struct bare_object *objects[60];
    for (unsigned i = 0; i < 60; i++) {
        objects[i] = put_many(5000, 5000 * i);
        const struct trie_region *now = load_relaxed(&outside.newest);
        cr_assert_not_null(now);
        cr_expect_leq(now->size, 256 * 5000 * (i + 1) + 4096, "%zu bytes for %u entries", now->size, 5000 * (i + 1));
        moves += now != before;
        before = now;
        expect_well_formed();
    }
    cr_expect_geq(moves, 2);
    cr_expect_leq(moves, 4);
    for (unsigned i = 0; i < 60; i++)
        expect_found(objects[i], 5000);
}

/* What the system does not give as a region, the collector gives. */
Test(trie_growth, grows_without_regions)
{
    struct bare_object *objects = bare_objects(60000);
    struct rlimit all, none;
    getrlimit(RLIMIT_AS, &all);
    none = (struct rlimit){0, all.rlim_max};
    bare_reserve(64 << 20);
    setrlimit(RLIMIT_AS, &none);
    for (unsigned i = 0; i < 60000; i++) {
        cr_assert_eq(put_into(&trie, &objects[i], i, spread(i), i + 1), &objects[i]);
        if (i % 32 == 0)
            trie_consider_growth(&trie, i);
        (void)trie_help(&trie, spread(i));
    }
    setrlimit(RLIMIT_AS, &all);
    cr_expect_null(load_relaxed(&outside.newest));
    struct trie_walk walk = expect_well_formed();
    cr_expect_geq(walk.lines * 8, 60000);
    cr_expect_leq(walk.longest, 4);
    expect_found(objects, 60000);
    kill_but_each(objects, 60000, 1000);
    trie_shrink(&trie, 60);
    expect_well_formed();
    expect_found(objects, 60000);
    expect_found(put_many(60000, 60000), 60000);
    expect_well_formed();
}

/* A stripe that gets no inserts is behind; who wants more lines splits its lines, too. */
Test(trie_growth, stripes_that_get_nothing_do_not_hold_up_others)
{
    struct bare_object *objects = put_many(30000, 0), *others = bare_objects(60000);
    for (unsigned i = 0; i < 60000; i++) {
        uint64_t hash = spread(30000 + i) / (RUN << STRIPES_LOG) * (RUN << STRIPES_LOG);
        cr_assert_eq(put_into(&trie, &others[i], 30000 + i, hash, 30000 + i), &others[i]);
        if (i % 32 == 0)
            trie_consider_growth(&trie, 30000 + i);
        (void)trie_help(&trie, hash);
    }
    struct trie_walk walk = expect_well_formed();
    cr_expect_geq(walk.lines * 8, 90000);
    expect_found(objects, 30000);
    expect_found(others, 60000);
}

Test(trie_growth, splits_lines_with_much_below_them)
{
    /* More objects below one line than a writer holds on its stack; every split sends half of them up. */
    enum { N = 3000 };
    struct bare_object *objects = bare_objects(N);
    for (unsigned i = 0; i < N; i++)
        put(&objects[i], i, (uint64_t)i << 10 | 5);
    struct bare_object *others = put_many(20000, N);
    expect_found(objects, N);
    expect_found(others, 20000);
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N + 20000);
    cr_expect_leq(walk.longest, 20);
}

/* ---- Shrinking ---- */

Test(trie_growth, shrinks_when_most_have_died)
{
    enum { N = 200000 };
    struct bare_object *objects = put_many(N, 0);
    struct trie_walk full = expect_well_formed();
    kill_but_each(objects, N, 100);
    trie_shrink(&trie, N / 100);
    struct trie_walk walk = expect_well_formed();
    cr_expect_lt(walk.lines, full.lines / 8);
    cr_expect_eq(walk.entries, N / 100);
    expect_found(objects, N);

    struct bare_object *more = put_many(N, N);
    expect_well_formed();
    expect_found(objects, N);
    expect_found(more, N);
}

Test(trie_growth, shrinks_to_a_floor_when_all_have_died)
{
    enum { N = 100000 };
    struct bare_object *objects = put_many(N, 0);
    kill_but_each(objects, N, N);
    kill_but_each(objects, N, N + 1);
    trie_shrink(&trie, 0);
    cr_expect_leq(expect_well_formed().lines, 1024);

    /* Empty nodes go as inserts come by. */
    put_many(2000, N);
    struct trie_walk walk = expect_well_formed();
    cr_expect_leq(walk.longest, 4);
    cr_expect_lt(walk.nodes, 100);
}

Test(trie_growth, does_not_shrink_a_full_root)
{
    enum { N = 50000 };
    put_many(N, 0);
    struct trie_walk before = expect_well_formed();
    trie_shrink(&trie, N);
    trie_shrink(&trie, N / 2);
    cr_expect_eq(expect_well_formed().lines, before.lines);
}

Test(trie_growth, shrinking_waits_for_what_is_doubted)
{
    enum { N = 100000 };
    struct bare_object *objects = put_many(N, 0);
    kill_but_each(objects, N, 50);
    for (unsigned i = 0; i < N; i++) {
        objects[i].marked = i % 100 == 0;
        objects[i].survives = i % 150 == 0;
    }
    doubt(objects, N);
    bare_wait = settle;
    trie_shrink(&trie, N / 50);
    cr_expect_eq(bare_waits, 1);
    expect_well_formed();
    expect_found(objects, N);
}

/* Entries whose lines are merged come from far below into what is far below. */
Test(trie_growth, merges_lines_with_much_below_them)
{
    enum { N = 100000, LONG = 2000 };
    struct bare_object *objects = put_many(N, 0), *below = bare_objects(LONG);
    for (unsigned i = 0; i < LONG; i++)
        put(&below[i], N + i, (uint64_t)i << 40 | (i % 2 == 0 ? 0x1fff : 0x0fff));
    kill_but_each(objects, N, 1000);
    trie_shrink(&trie, 100);
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N / 1000 + LONG);
    expect_found(objects, N);
    expect_found(below, LONG);
}

/* ---- Memory ---- */

static bool is_mapped(void *page)
{
    unsigned char resident;
    return mincore(page, 4096, &resident) == 0;
}

Test(trie_growth, gives_its_regions_back)
{
    put_many(200000, 0);
    struct { char *start; size_t size; } regions[8];
    unsigned count = 0;
    for (const struct trie_region *at = load_relaxed(&outside.newest); at != NULL && count < 8; at = at->older) {
        regions[count].start = (char *)at->lines;
        regions[count++].size = at->size;
        cr_expect(is_mapped((char *)at->lines + at->size - 4096));
    }
    cr_assert_geq(count, 2);
    trie_free_outside(&outside);
    cr_expect_null(load_relaxed(&outside.newest));
    for (unsigned i = 0; i < count; i++) {
        cr_expect_not(is_mapped(regions[i].start));
        cr_expect_not(is_mapped(regions[i].start + regions[i].size - 4096));
    }
}

/* Nothing stands in front of the lines: else the first of them would touch the small pages where huge ones could be. */
Test(trie_growth, begins_the_lines_of_a_large_region_where_huge_pages_begin)
{
    enum { HUGE_PAGE = 2 << 20 };
    put_many(200000, 0);
    unsigned large = 0;
    for (const struct trie_region *at = load_relaxed(&outside.newest); at != NULL; at = at->older)
        if (at->size >= HUGE_PAGE) {
            cr_expect_eq((uintptr_t)at->lines % HUGE_PAGE, 0);
            large++;
        }
    cr_assert_geq(large, 1);
}

/* Of a region that the lines have moved out of, the last page at most takes memory. */
Test(trie_growth, keeps_no_memory_where_lines_have_moved_out)
{
    put_many(200000, 0);
    const struct trie_region *old = load_relaxed(&outside.newest)->older;
    cr_assert_not_null(old);
    unsigned char resident[4096];
    cr_assert_leq(old->size / 4096, sizeof resident);
    cr_assert_eq(mincore(old->lines, old->size, resident), 0);
    unsigned pages = 0;
    for (size_t i = 0; i < old->size / 4096; i++)
        pages += resident[i] & 1;
    cr_expect_leq(pages, 1);
    /* A thread that is late can still read there. */
    for (uint64_t i = 0; i < old->room; i++)
        cr_assert_eq(load_relaxed(&old->lines[i].words[0]), 0);
}

Test(trie_growth, has_nothing_but_its_own_line_while_it_is_small)
{
    struct bare_object *objects = bare_objects(LINE_WORDS);
    bare_out_of_memory = true;
    for (unsigned i = 0; i < LINE_WORDS; i++)
        cr_assert_eq(put(&objects[i], i, spread(i)), &objects[i]);
    expect_found(objects, LINE_WORDS);
    errno = 0;
    cr_expect_not(trie_make_room(&trie, LINE_WORDS));
    cr_expect_eq(errno, ENOMEM);
}

/* ---- Forks ---- */

static jmp_buf gone;

/* The child of a fork: the thread that was shrinking the root is not in it. */
static void fork_while_shrinking(void)
{
    trie_fork_prepare();
    trie_fork_done();
    longjmp(gone, 1);
}

Test(trie_growth, goes_on_after_a_fork_in_the_middle_of_shrinking)
{
    enum { N = 100000 };
    struct bare_object *objects = put_many(N, 0);
    kill_but_each(objects, N, 100);
    static struct bare_object *doubtful;
    doubtful = &objects[N / 2 / 100 * 100];
    doubtful->marked = false;
    doubtful->survives = true;
    doubt(doubtful, 1);
    bare_wait = fork_while_shrinking;
    if (setjmp(gone) == 0)
        trie_shrink(&trie, N / 100);
    cr_assert_eq(bare_waits, 1);
    settle();
    expect_well_formed();
    expect_found(objects, N);
    /* It grows as if nothing had been. */
    struct bare_object *more = put_many(4 * N, N);
    struct trie_walk walk = expect_well_formed();
    cr_expect_leq(walk.longest, 5);
    cr_expect_geq(walk.lines * 8, 4 * N);
    expect_found(more, 4 * N);
    expect_found(objects, N);
}

/* Or somebody else goes on with it. */
Test(trie_growth, shrinks_after_a_fork_in_the_middle_of_shrinking)
{
    enum { N = 100000 };
    struct bare_object *objects = put_many(N, 0);
    kill_but_each(objects, N, 100);
    static struct bare_object *doubtful;
    doubtful = &objects[N / 2 / 100 * 100];
    doubtful->marked = false;
    doubtful->survives = true;
    doubt(doubtful, 1);
    bare_wait = fork_while_shrinking;
    if (setjmp(gone) == 0)
        trie_shrink(&trie, N / 100);
    settle();
    trie_shrink(&trie, N / 100);
    cr_expect_leq(expect_well_formed().lines, 4096);
    expect_found(objects, N);
}

/* ---- Threads ---- */

enum { THREADS = 6, VALUES = 60000 };
static struct bare_object *_Atomic first_of[VALUES];
static struct trie shared;
static struct trie_outside shared_outside;
static atomic_uint mistakes;
static atomic_count present;
static atomic_bool done;

static void *intern_all(void *data)
{
    uint64_t state = (uintptr_t)data * 7919 + 1;
    struct bare_object *objects = bare_objects(VALUES), *next = objects;
    for (unsigned i = 0; i < 2 * VALUES; i++) {
        state = spread(state + i);
        uint64_t value = i < VALUES ? state % VALUES : i - VALUES, hash = spread(value);
        struct bare_object *found = trie_find_quickly(&shared, hash, equal, &value);
        if (found == NULL) {
            atomic_word word;
            uint64_t ticket;
            next->value = value;
            next->in_trie.hash = hash;
            enum trie_outcome outcome = TRIE_CHANGED;
            while ((found = trie_find(&shared, hash, equal, &value, &ticket)) == NULL &&
                   (outcome = trie_insert(&shared, &next->in_trie, ticket, &word)) != TRIE_DONE)
                if (outcome == TRIE_CROWDED && !trie_make_room(&shared, load_relaxed(&present)))
                    abort();
            if (outcome == TRIE_DONE) {
                found = next++;
                trie_consider_growth(&shared, add_relaxed(&present, 1u));
            }
            (void)trie_help(&shared, hash);
        }
        struct bare_object *other = NULL;
        if (found->value != value ||
            (!cas_acq_rel(&first_of[value], &other, found) && other != found))
            add_relaxed(&mistakes, 1u);
    }
    return NULL;
}

/* Takes lines together while others intern; the inserts split them again. */
static void *shrink(void *unused)
{
    while (!load_acquire(&done)) {
        trie_shrink(&shared, 0);
        struct trie_size size;
        trie_measure(&shared, &size);
    }
    return unused;
}

static void intern_in_threads(bool shrinking)
{
    trie_init(&shared, &shared_outside);
    pthread_t threads[THREADS], shrinker;
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, intern_all, (void *)i), 0);
    if (shrinking)
        cr_assert_eq(pthread_create(&shrinker, NULL, shrink, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    store_release(&done, true);
    if (shrinking)
        pthread_join(shrinker, NULL);
    cr_expect_eq(load_relaxed(&mistakes), 0);
    struct trie_walk walk;
    const char *error = trie_check(&shared, &walk);
    cr_assert_null(error, "%s", error);
    cr_expect_eq(walk.entries, VALUES);
}

Test(trie_growth, racing_threads_get_one_object_for_a_value)
{
    intern_in_threads(false);
}

Test(trie_growth, racing_threads_beside_one_that_shrinks)
{
    intern_in_threads(true);
}

/* The check of tries: it is told where each chunk of nodes ends, since others may lie behind it, shifted by half a
 * node. */
Test(trie_growth, check_tells_nodes_of_neighbouring_chunks_apart)
{
    static _Alignas(128) unsigned char memory[512];
    struct trie_node *newer = (struct trie_node *)(void *)(memory + 64),
                     *older = (struct trie_node *)(void *)(memory + 256);
    struct node_chunk first = {NULL, older, 1}, second = {&first, newer, 1};
    struct trie_nodes nodes = {.chunks = &second, .free = newer, .used = 1, .made = 2};
    store_relaxed(&trie.nodes, &nodes);
    store_relaxed(&trie.first.words[LINE_WORDS - 1], link_to(older, 63));
    expect_well_formed();
    struct trie_walk walk;
    struct trie_node *amidst = (struct trie_node *)(void *)(memory + 256 + 64);
    store_relaxed(&trie.first.words[LINE_WORDS - 1], link_to(amidst, 63));
    const char *error = trie_check(&trie, &walk);
    cr_assert_not_null(error);
    cr_expect_str_eq(error, "a link leads into the middle of a node");
}
