/* The trie alone, under a collector that the tests play themselves: src/trie/trie.h. */
#include "config.h"

#include "bare_collector.h"
#include "collector/collector.h"
#include "trie/trie.h"
#include "trie_check.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FIRST_LINES = 64, FIRST_CHILDREN = 63 };

static struct trie_region region;
static struct trie trie;
static atomic_word announced;

static void begin(void)
{
    cr_assert(trie_init(&trie, &region));
}

TestSuite(trie, .init = begin);

static struct trie_walk expect_well_formed(void)
{
    struct trie_walk walk;
    const char *error = trie_check(&trie, &walk);
    cr_assert_null(error, "%s", error);
    return walk;
}

/* ---- Values: a number, and a hash that the test chooses ---- */

static uint64_t spread(uint64_t number)
{
    number *= UINT64_C(0x9e3779b97f4a7c15);
    number ^= number >> 32;
    number *= UINT64_C(0xd6e8feb86659fd93);
    return number ^ number >> 32;
}

static bool equal(const void *object, const void *key)
{
    return ((const struct bare_object *)object)->value == *(const uint64_t *)key;
}

static struct bare_object *find(uint64_t value, uint64_t hash)
{
    uint64_t ticket;
    struct bare_object *quick = trie_find_quickly(&trie, hash, equal, &value);
    struct bare_object *found = trie_find(&trie, hash, equal, &value, &ticket);
    /* A quick look may miss; what it finds is the truth. */
    cr_assert(quick == NULL || quick == found);
    return found;
}

/* Puts the object in, or answers the one that was first. As a table does it. */
static struct bare_object *put(struct trie *into, struct bare_object *object, uint64_t value, uint64_t hash)
{
    uint64_t ticket;
    object->value = value;
    object->in_trie.hash = hash;
    for (;;) {
        struct bare_object *found = trie_find(into, hash, equal, &value, &ticket);
        if (found != NULL)
            return found;
        switch (trie_insert(into, &object->in_trie, ticket, &announced)) {
        case TRIE_DONE:
            return object;
        case TRIE_CROWDED:
            cr_assert(trie_make_room(into));
            break;
        case TRIE_UNSETTLED:
            collector_wait();
            break;
        case TRIE_CHANGED:
            break;
        }
    }
}

/* n objects of spread hashes; the root grows as it does in a table. */
static struct bare_object *put_many(size_t n, uint64_t first)
{
    struct bare_object *objects = bare_objects(n);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(put(&trie, &objects[i], first + i, spread(first + i)), &objects[i]);
        if (i % 32 == 0)
            trie_consider_growth(&trie, first + i);
        trie_help(&trie);
    }
    return objects;
}

static void expect_found(const struct bare_object *objects, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct bare_object *expected = objects[i].evicted ? NULL : &objects[i];
        cr_assert_eq(find(objects[i].value, objects[i].in_trie.hash), expected, "value %zu of %zu", i, n);
    }
}

/* ---- A collection ---- */

static struct bare_object *doubted_objects;
static atomic_word **places;
static size_t doubted;

static void doubt(struct bare_object *objects, size_t n)
{
    doubted_objects = objects;
    places = calloc(n, sizeof *places);
    doubted = n;
    for (size_t i = 0; i < n; i++)
        if (!objects[i].marked && !objects[i].evicted) {
            places[i] = trie_doubt(&trie, &objects[i].in_trie);
            cr_assert_not_null(places[i]);
        }
}

static bool survived(const void *object)
{
    return ((const struct bare_object *)object)->survives;
}

static void settle(void)
{
    for (size_t i = 0; i < doubted; i++)
        if (places[i] != NULL) {
            void *object = trie_settle(places[i], survived);
            cr_assert(object == NULL || object == &doubted_objects[i]);
            doubted_objects[i].evicted = object == NULL;
        }
    free(places);
    doubted = 0;
}

static void collect(struct bare_object *objects, size_t n)
{
    doubt(objects, n);
    settle();
}

/* ---- Finding ---- */

Test(trie, finds_what_was_put_in)
{
    cr_expect_null(find(1, spread(1)));
    struct bare_object *objects = put_many(40, 0);
    expect_well_formed();
    expect_found(objects, 40);
    cr_expect_null(find(40, spread(40)));
}

Test(trie, tells_values_of_one_hash_apart)
{
    enum { N = 300 };
    struct bare_object *objects = bare_objects(N);
    for (unsigned i = 0; i < N; i++)
        put(&trie, &objects[i], i, 77);
    expect_found(objects, N);
    cr_expect_null(find(N, 77));
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N);
    cr_expect_eq(walk.longest, walk.children + 1);
}

Test(trie, tells_hashes_apart_that_differ_in_one_bit)
{
    struct bare_object *objects = bare_objects(65);
    for (unsigned bit = 0; bit < 64; bit++)
        put(&trie, &objects[bit], bit, UINT64_C(1) << bit);
    put(&trie, &objects[64], 64, 0);
    expect_found(objects, 65);
    expect_well_formed();
}

Test(trie, announces_what_it_publishes)
{
    struct bare_object *objects = bare_objects(2);
    uint64_t ticket, value = 5;
    objects[0].value = objects[1].value = value;
    atomic_word word = 0;
    cr_assert_null(trie_find(&trie, 0, equal, &value, &ticket));
    cr_assert_eq(trie_insert(&trie, &objects[0].in_trie, ticket, &word), TRIE_DONE);
    cr_expect_eq(word, (uintptr_t)&objects[0]);
    /* A ticket serves once, and a refused insert announces nothing. */
    word = 0;
    cr_expect_eq(trie_insert(&trie, &objects[1].in_trie, ticket, &word), TRIE_CHANGED);
    cr_expect_eq(word, 0);
    cr_expect_eq(find(value, 0), &objects[0]);
}

/* ---- Growing ---- */

Test(trie, grows_with_what_is_in_it)
{
    uint64_t before = 0;
    for (uint64_t n = 100; n < 400000; n *= 3) {
        struct bare_object *objects = put_many(n - before, before);
        struct trie_walk walk = expect_well_formed();
        cr_expect_eq(walk.entries, n);
        expect_found(objects, n - before);
        struct trie_size size;
        trie_measure(&trie, &size);
        cr_expect_eq(size.slots, (walk.lines + walk.children) * LINE_WORDS);
        cr_expect_eq(size.levels, walk.longest);
        cr_expect_geq(size.bytes, size.slots * sizeof(void *));
        cr_expect_geq(walk.lines * 8, n, "%llu lines for %llu entries", (unsigned long long)walk.lines,
                      (unsigned long long)n);
        cr_expect_leq(walk.lines, n < 200 ? 64 : n);
        cr_expect_leq(walk.longest, 4);
        before = n;
    }
    cr_expect(load_relaxed(&trie.moved_out));
}

Test(trie, keeps_everything_when_it_moves_out)
{
    enum { N = (FIRST_LINES + FIRST_CHILDREN) * LINE_WORDS };
    struct bare_object *objects = bare_objects(N);
    /* All in one chain, until the first further lines are used up. */
    unsigned i = 0;
    for (; !load_relaxed(&trie.moved_out); i++) {
        cr_assert_lt(i, N);
        if (i % 50 == 0)
            expect_well_formed();
        put(&trie, &objects[i], i, (uint64_t)i << 48 | 3);
    }
    cr_expect_geq(i, FIRST_CHILDREN * (LINE_WORDS - 1));
    expect_well_formed();
    expect_found(objects, i);
}

Test(trie, moves_out_by_growth_too)
{
    struct bare_object *objects = put_many(300, 0);
    cr_expect_not(load_relaxed(&trie.moved_out));
    expect_well_formed();
    struct bare_object *more = put_many(200, 300);
    cr_expect(load_relaxed(&trie.moved_out));
    expect_well_formed();
    expect_found(objects, 300);
    expect_found(more, 200);
}

Test(trie, splits_chains_that_are_long)
{
    /* More objects in one line than a resizer holds on its stack; every split sends half of them up. */
    enum { N = 3000 };
    struct bare_object *objects = bare_objects(N);
    for (unsigned i = 0; i < N; i++)
        put(&trie, &objects[i], i, (uint64_t)i << 6 | 5);
    struct bare_object *others = put_many(20000, N);
    expect_found(objects, N);
    expect_found(others, 20000);
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N + 20000);
    cr_expect_leq(walk.longest, 40);
}

/* ---- Collections ---- */

Test(trie, evicts_the_dead_and_keeps_the_others)
{
    enum { N = 50000 };
    struct bare_object *objects = put_many(N, 0);
    for (unsigned i = 0; i < N; i++) {
        objects[i].marked = i % 3 == 0;
        objects[i].survives = i % 3 == 1;
    }
    doubt(objects, N);
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N);
    cr_expect_eq(walk.tentative, N - (N + 2) / 3);
    settle();
    walk = expect_well_formed();
    cr_expect_eq(walk.tentative, 0);
    cr_expect_eq(walk.entries, N - N / 3);
    expect_found(objects, N);
}

Test(trie, knows_nothing_of_strangers)
{
    struct bare_object *objects = put_many(1000, 0), *stranger = bare_objects(1);
    stranger->in_trie.hash = objects[0].in_trie.hash;
    cr_expect_null(trie_doubt(&trie, &stranger->in_trie));
}

Test(trie, a_search_waits_for_its_own_value_only)
{
    enum { N = 1000 };
    struct bare_object *objects = put_many(N, 0);
    for (unsigned i = 0; i < N; i++) {
        objects[i].marked = i >= 4;
        objects[i].survives = i % 2 == 0;
    }
    doubt(objects, N);
    for (unsigned i = 4; i < N; i++) {
        uint64_t value = objects[i].value, hash = objects[i].in_trie.hash, ticket;
        bool meets = false;
        for (unsigned j = 0; j < 4; j++)
            meets |= trie_tag(objects[j].in_trie.hash) == trie_tag(hash);
        if (!meets)
            cr_assert_eq(trie_find(&trie, hash, equal, &value, &ticket), &objects[i]);
    }
    cr_expect_eq(bare_waits, 0);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t value = objects[i].value;
        cr_expect_null(trie_find_quickly(&trie, objects[i].in_trie.hash, equal, &value));
    }
    bare_wait = settle;
    cr_expect_eq(find(0, objects[0].in_trie.hash), &objects[0]);
    cr_expect_eq(bare_waits, 1);
    cr_expect_eq(load_relaxed(&trie.waited), 1);
    expect_found(objects, N);
    cr_expect_eq(bare_waits, 1);
}

Test(trie, a_value_that_died_can_come_again)
{
    enum { N = 2000 };
    struct bare_object *objects = put_many(N, 0), *again = bare_objects(N);
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = false;
    collect(objects, N);
    expect_found(objects, N);
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(put(&trie, &again[i], objects[i].value, objects[i].in_trie.hash), &again[i]);
    expect_found(again, N);
    cr_expect_eq(expect_well_formed().entries, N);
}

/* Words of dead objects lie about in every chain; inserts take further lines off again. */
Test(trie, chains_get_shorter_again)
{
    enum { N = 2000 };
    struct bare_object *objects = bare_objects(N), *others = bare_objects(N);
    for (unsigned i = 0; i < N; i++)
        put(&trie, &objects[i], i, (uint64_t)(i % 4) << 48 | 9);
    struct trie_walk full = expect_well_formed();
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = i % 100 == 0;
    collect(objects, N);
    for (unsigned i = 0; i < N; i++) {
        put(&trie, &others[i], N + i, (uint64_t)(i % 4) << 48 | 9);
        others[i].marked = false;
        doubt(&others[i], 1);
        settle();
    }
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N / 100);
    cr_expect_lt(walk.children, full.children / 4);
    expect_found(objects, N);
}

Test(trie, moves_no_word_that_is_doubted)
{
    enum { N = 4000, MORE = 60000 };
    struct bare_object *objects = put_many(N, 0);
    for (unsigned i = 0; i < N; i++) {
        objects[i].marked = i % 10 != 0;
        objects[i].survives = i % 20 == 0;
    }
    doubt(objects, N);
    /* Inserts go on, the root wants to grow many times over. */
    struct bare_object *more = bare_objects(MORE);
    for (unsigned i = 0; i < MORE; i++) {
        uint64_t value = N + i, ticket;
        more[i].value = value;
        more[i].in_trie.hash = spread(value);
        bool waits = false;
        for (unsigned j = 0; j < N; j += 10)
            waits |= ((spread(value) ^ objects[j].in_trie.hash) & ~((UINT64_C(1) << 48) - 64)) == 0;
        if (waits) {
            more[i].evicted = true;     /* its search would wait */
            continue;
        }
        enum trie_outcome outcome = TRIE_CROWDED;
        for (unsigned tries = 0; tries < 3 && outcome != TRIE_DONE; tries++) {
            cr_assert_null(trie_find(&trie, spread(value), equal, &value, &ticket));
            outcome = trie_insert(&trie, &more[i].in_trie, ticket, &announced);
            if (outcome == TRIE_CROWDED)
                cr_assert(trie_make_room(&trie));
        }
        /* Where a doubted word is the last of a full chain, no line can be appended now. */
        more[i].evicted = outcome != TRIE_DONE;
        trie_consider_growth(&trie, N + i);
        trie_help(&trie);
        if (i % 10000 == 0) {
            struct trie_walk walk = expect_well_formed();
            cr_assert_eq(walk.tentative, N / 10);
        }
    }
    for (unsigned i = 0; i < N; i += 10)
        cr_assert_eq(load_relaxed(places[i]),
                     ((uintptr_t)&objects[i] | trie_tag(objects[i].in_trie.hash) | TRIE_TENTATIVE));
    settle();
    expect_found(objects, N);
    expect_found(more, MORE);
    /* What stood in the way is gone: growth goes on where it stopped. */
    put_many(20000, N + MORE);
    cr_expect_leq(expect_well_formed().longest, 5);
    expect_found(objects, N);
    expect_found(more, MORE);
}

/* ---- Shrinking ---- */

static void kill_but_each(struct bare_object *objects, size_t n, size_t each)
{
    for (size_t i = 0; i < n; i++)
        objects[i].marked = i % each == 0;
    collect(objects, n);
}

Test(trie, shrinks_when_most_have_died)
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

Test(trie, shrinks_to_a_floor_when_all_have_died)
{
    enum { N = 100000 };
    struct bare_object *objects = put_many(N, 0);
    kill_but_each(objects, N, N);
    kill_but_each(objects, N, N + 1);
    trie_shrink(&trie, 0);
    cr_expect_leq(expect_well_formed().lines, 1024);

    /* Empty further lines go as inserts come by. */
    put_many(2000, N);
    struct trie_walk walk = expect_well_formed();
    cr_expect_leq(walk.longest, 3);
    cr_expect_lt(walk.children, 100);
}

Test(trie, does_not_shrink_a_full_root)
{
    enum { N = 50000 };
    put_many(N, 0);
    struct trie_walk before = expect_well_formed();
    trie_shrink(&trie, N);
    trie_shrink(&trie, N / 2);
    cr_expect_eq(expect_well_formed().lines, before.lines);
}

Test(trie, shrinking_waits_for_what_is_doubted)
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

/* Entries whose lines are merged come from long chains into long chains. */
Test(trie, merges_chains_that_are_long)
{
    enum { N = 100000, LONG = 2000 };
    struct bare_object *objects = put_many(N, 0), *chained = bare_objects(LONG);
    for (unsigned i = 0; i < LONG; i++)
        put(&trie, &chained[i], N + i, (uint64_t)i << 40 | (i % 2 == 0 ? 0x1fff : 0x0fff));
    kill_but_each(objects, N, 1000);
    trie_shrink(&trie, 100);
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N / 1000 + LONG);
    expect_found(objects, N);
    expect_found(chained, LONG);
}

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
