/* SPDX-License-Identifier: MIT */
/* The trie alone: its memory, forks, long lives, threads. src/trie/trie.h. */
#include "config.h"

#include "trie_values.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* ---- Memory ---- */

static bool is_mapped(void *page)
{
    unsigned char resident;
    return mincore(page, 4096, &resident) == 0;
}

Test(trie, gives_its_region_back)
{
    put_many(1000, 0);
    struct trie_region mine = region;
    cr_assert_gt(mine.size, 0);
    cr_assert(is_mapped(mine.start));
    cr_assert(is_mapped((char *)mine.start + mine.size / 2));
    trie_region_free(&region);
    cr_expect_not(is_mapped(mine.start));
    cr_expect_not(is_mapped((char *)mine.start + mine.size / 2));
    cr_expect_not(is_mapped((char *)mine.start + mine.size - 4096));
}

Test(trie, takes_few_pages_while_it_is_small)
{
    struct trie_region unused = {0};
    static struct trie small;
    cr_assert(trie_init(&small, &unused));
    cr_expect_eq(unused.size, 0);
    trie_region_free(&unused);
    bare_out_of_memory = true;
    errno = 0;
    static struct trie none;
    cr_expect_not(trie_init(&none, &unused));
    cr_expect_eq(errno, ENOMEM);
}

/* ---- Forks ---- */

static jmp_buf gone;

/* The child of a fork: the thread that was shrinking the root is not in it. */
static void fork_while_shrinking(void)
{
    trie_fork_prepare();
    trie_fork_child();
    longjmp(gone, 1);
}

Test(trie, goes_on_after_a_fork_in_the_middle_of_a_resize)
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

Test(trie, goes_on_after_a_fork_at_the_very_end_of_a_resize)
{
    struct bare_object *objects = put_many(5000, 0);
    while (load_relaxed(&trie.resizing))
        trie_help(&trie);
    struct trie_walk before = expect_well_formed();
    /* The resizer that has split the last line would have said so next. */
    store_relaxed(&trie.resizing, true);
    trie_help(&trie);
    cr_expect_eq(expect_well_formed().lines, before.lines);
    expect_found(objects, 5000);
    expect_found(put_many(20000, 5000), 20000);
    expect_well_formed();
}

/* ---- Many tries ---- */

Test(trie, tries_share_nothing_but_stripes)
{
    enum { TRIES = 300, EACH = 50 };
    struct trie *tries = aligned_alloc(64, TRIES * sizeof *tries);
    struct trie_region *regions = calloc(TRIES, sizeof *regions);
    struct bare_object *objects = bare_objects(TRIES * EACH);
    memset((void *)tries, 0, TRIES * sizeof *tries);
    for (unsigned t = 0; t < TRIES; t++)
        cr_assert(trie_init(&tries[t], &regions[t]));
    for (unsigned i = 0; i < EACH; i++)
        for (unsigned t = 0; t < TRIES; t++)
            cr_assert_eq(put(&tries[t], &objects[t * EACH + i], i, spread(i)), &objects[t * EACH + i]);
    for (unsigned t = 0; t < TRIES; t++) {
        struct trie_walk walk;
        const char *error = trie_check(&tries[t], &walk);
        cr_assert_null(error, "%s", error);
        cr_assert_eq(walk.entries, EACH);
    }
}

/* ---- A long random life, beside a plain array that is always right ---- */

static uint64_t seed;

static uint64_t dice(uint64_t sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % sides;
}

static void live(uint64_t with_seed, uint64_t hash_mask)
{
    enum { VALUES = 3000, STEPS = 40000 };
    static struct bare_object *current[VALUES];     /* the living object of each value */
    static struct bare_object *all, *next;
    memset(current, 0, sizeof current);
    memset(&trie, 0, sizeof trie);
    memset(&region, 0, sizeof region);
    seed = with_seed;
    begin();
    next = all = bare_objects(STEPS);
    uint64_t count = 0, ceiling = VALUES;
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t value = dice(ceiling), hash = spread(value) & hash_mask;
        struct bare_object *found = put(&trie, next, value, hash);
        cr_assert_eq(found, current[value] != NULL ? current[value] : next);
        if (found == next) {
            current[value] = next++;
            count++;
            trie_consider_growth(&trie, count * (dice(100) == 0 ? 20 : 1));
        }
        trie_help(&trie);
        if (dice(400) == 0) {
            uint64_t percent = dice(120);
            for (unsigned v = 0; v < VALUES; v++)
                if (current[v] != NULL) {
                    current[v]->marked = dice(100) >= percent;
                    current[v]->survives = dice(4) == 0;
                }
            collect(all, (size_t)(next - all));
            for (unsigned v = 0; v < VALUES; v++)
                if (current[v] != NULL && current[v]->evicted) {
                    current[v] = NULL;
                    count--;
                }
            for (struct bare_object *object = all; object < next; object++)
                object->marked = true;
            ceiling = 1 + dice(VALUES);
            if (dice(2) == 0)
                trie_shrink(&trie, count);
            struct trie_walk walk = expect_well_formed();
            cr_assert_eq(walk.entries, count);
            for (unsigned v = 0; v < VALUES; v++)
                cr_assert_eq(find(v, spread(v) & hash_mask), current[v]);
        }
    }
    trie_region_free(&region);
}

Test(trie, a_long_life_with_good_hashes)
{
    for (uint64_t s = 1; s <= 5; s++)
        live(s, ~UINT64_C(0));
}

Test(trie, a_long_life_with_poor_hashes)
{
    live(11, 15);
    live(12, UINT64_C(0xf) << 60);
    live(13, UINT64_C(0xf00000000000003f));
    live(14, 0x3ff);
}

/* ---- Threads ---- */

enum { THREADS = 6, VALUES = 60000 };
static struct bare_object *_Atomic first_of[VALUES];
static struct trie shared;
static struct trie_region shared_region;
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
                if (outcome == TRIE_CROWDED && !trie_make_room(&shared))
                    abort();
            if (outcome == TRIE_DONE) {
                found = next++;
                trie_consider_growth(&shared, add_relaxed(&present, 1u));
            }
            trie_help(&shared);
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
    cr_assert(trie_init(&shared, &shared_region));
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

Test(trie, racing_threads_get_one_object_for_a_value)
{
    intern_in_threads(false);
}

Test(trie, racing_threads_beside_one_that_shrinks)
{
    intern_in_threads(true);
}
