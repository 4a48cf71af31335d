/* SPDX-License-Identifier: MIT */
/* The trie alone, under a collector that the tests play themselves: src/trie/trie.h. How it grows:
 * test_trie_growth.c. */
#include "config.h"

#include "trie_suite.h"

#include <stdlib.h>
#include <string.h>

TestSuite(trie, .init = begin_trie);

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
        put(&objects[i], i, 77);
    expect_found(objects, N);
    cr_expect_null(find(N, 77));
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N);
    cr_expect_eq(walk.longest, walk.nodes + 1);
}

/* What overflows goes down by the next bits of the hash, wherever they stand; entries that agree in all of them, and no
 * others, go one after the other. */
static void expect_levels(unsigned shift)
{
    enum { N = 4096 };
    struct bare_object *objects = bare_objects(N);
    for (unsigned i = 0; i < N; i++)
        put(&objects[i], i, (spread(i) % N | (uint64_t)i % 2 << 12) << shift);
    expect_found(objects, N);
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N);
    cr_expect_eq(walk.lines, 1);
    cr_expect_leq(walk.longest, 24);
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = i % 64 == 0;
    collect(objects, N);
    expect_found(objects, N);
}

Test(trie, a_line_that_overflows_becomes_a_level)
{
    expect_levels(51);
}

Test(trie, a_level_goes_by_whatever_bits_differ)
{
    expect_levels(17);
}

Test(trie, tells_hashes_apart_that_differ_in_one_bit)
{
    struct bare_object *objects = bare_objects(65);
    for (unsigned bit = 0; bit < 64; bit++)
        put(&objects[bit], bit, UINT64_C(1) << bit);
    put(&objects[64], 64, 0);
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
        cr_assert_eq(put(&again[i], objects[i].value, objects[i].in_trie.hash), &again[i]);
    expect_found(again, N);
    cr_expect_eq(expect_well_formed().entries, N);
}

/* Words of dead objects lie about below every line; inserts take empty nodes out again. */
Test(trie, ways_get_shorter_again)
{
    enum { N = 2000 };
    struct bare_object *objects = bare_objects(N), *others = bare_objects(N);
    for (unsigned i = 0; i < N; i++)
        put(&objects[i], i, (uint64_t)(i % 4) << 48 | 9);
    struct trie_walk full = expect_well_formed();
    for (unsigned i = 0; i < N; i++)
        objects[i].marked = i % 100 == 0;
    collect(objects, N);
    for (unsigned i = 0; i < N; i++) {
        put(&others[i], N + i, (uint64_t)(i % 4) << 48 | 9);
        others[i].marked = false;
        doubt(&others[i], 1);
        settle();
    }
    struct trie_walk walk = expect_well_formed();
    cr_expect_eq(walk.entries, N / 100);
    cr_expect_lt(walk.nodes, full.nodes / 4);
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
                cr_assert(trie_make_room(&trie, N + i));
        }
        /* Where a doubted word is the last of a full line, it cannot overflow now. */
        more[i].evicted = outcome != TRIE_DONE;
        trie_consider_growth(&trie, N + i);
        (void)trie_help(&trie, spread(value));
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

/* ---- Many tries ---- */

Test(trie, tries_share_nothing_but_stripes)
{
    enum { TRIES = 300, EACH = 50 };
    struct trie *tries = aligned_alloc(64, TRIES * sizeof *tries);
    struct trie_outside *outsides = calloc(TRIES, sizeof *outsides);
    struct bare_object *objects = bare_objects(TRIES * EACH);
    memset((void *)tries, 0, TRIES * sizeof *tries);
    for (unsigned t = 0; t < TRIES; t++)
        trie_init(&tries[t], &outsides[t]);
    for (unsigned i = 0; i < EACH; i++)
        for (unsigned t = 0; t < TRIES; t++)
            cr_assert_eq(put_into(&tries[t], &objects[t * EACH + i], i, spread(i), i), &objects[t * EACH + i]);
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
    seed = with_seed;
    begin_trie();
    next = all = bare_objects(STEPS);
    uint64_t count = 0, ceiling = VALUES;
    for (unsigned step = 0; step < STEPS; step++) {
        uint64_t value = dice(ceiling), hash = spread(value) & hash_mask;
        struct bare_object *found = put_into(&trie, next, value, hash, count);
        cr_assert_eq(found, current[value] != NULL ? current[value] : next);
        if (found == next) {
            current[value] = next++;
            count++;
            trie_consider_growth(&trie, count * (dice(100) == 0 ? 20 : 1));
        }
        (void)trie_help(&trie, hash);
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
    trie_free_outside(&outside);
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
