/* SPDX-License-Identifier: MIT */
/* The trie alone, under a collector that the tests play themselves: finding, growing, shrinking, collections. src/trie/trie.h. */
#include "config.h"

#include "trie_values.h"

#include <criterion/criterion.h>

enum { FIRST_LINES = 64, FIRST_CHILDREN = 63 };

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
