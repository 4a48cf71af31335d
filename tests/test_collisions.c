/* SPDX-License-Identifier: MIT */
/* Hostile keys: many values of few hashes, through poor types and through hashes that a caller makes up. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static void begin(void)
{
    GC_INIT();
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(collisions, .init = begin, .timeout = 60);

static uint64_t constant(const void *value, size_t size, uint64_t seed)
{
    (void)value;
    (void)size;
    return seed;
}

static uint64_t four_bits(const void *value, size_t size, uint64_t seed)
{
    (void)size;
    (void)seed;
    return ((const unsigned char *)value)[0] & 15;
}

static uint64_t one_bit(const void *value, size_t size, uint64_t seed)
{
    (void)size;
    return seed + (((const unsigned char *)value)[0] & 1);
}

struct word {
    unsigned number;
    char text[12];
};

static struct word word_of(unsigned number)
{
    struct word word = {.number = number};
    snprintf(word.text, sizeof word.text, "%u", number % 100000);
    return word;
}

static hapax_handle make(hapax_table *table, unsigned number)
{
    struct word word = word_of(number);
    return hapax_make_handle(table, &word, sizeof word);
}

static hapax_handle find(hapax_table *table, unsigned number)
{
    struct word word = word_of(number);
    return hapax_find_handle(table, &word, sizeof word);
}

static void expect_right(hapax_table *table, hapax_handle *handles, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (handles[i] == NULL)
            continue;
        struct word word = word_of(i);
        cr_assert(memcmp(hapax_handle_value(handles[i]), &word, sizeof word) == 0);
        cr_assert_eq(find(table, i), handles[i]);
        cr_assert_eq(make(table, i), handles[i]);
    }
}

static NOINLINE void fill(hapax_table *table, hapax_handle *handles, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        hapax_handle handle = make(table, i);
        cr_assert_not_null(handle);
        cr_assert(handles[i] == NULL || handles[i] == handle);
        handles[i] = handle;
    }
}

static unsigned count_found(hapax_table *table, const unsigned *numbers, unsigned n)
{
    unsigned found = 0;
    for (unsigned i = 0; i < n; i++)
        found += find(table, numbers[i]) != NULL;
    return found;
}

static void live_and_die(uint64_t (*hash)(const void *, size_t, uint64_t), unsigned n)
{
    struct hapax_type type = {.size = sizeof(struct word), .hash = hash};
    hapax_table *table = hapax_table_new(&type, 0);
    hapax_handle *handles = hapax_alloc(n * sizeof *handles);
    unsigned *dropped = calloc(n, sizeof *dropped);
    for (unsigned round = 0; round < 4; round++) {
        fill(table, handles, n);
        expect_right(table, handles, n);
        unsigned count = 0;
        for (unsigned i = 0; i < n; i++)
            if ((i * 2654435761u >> 20) % 4 != round % 4) {
                handles[i] = NULL;
                dropped[count++] = i;
            }
        collect();
        cr_expect_leq(count_found(table, dropped, count), count - MOST(count));
        expect_right(table, handles, n);
    }
    free(dropped);
}

Test(collisions, a_constant_hash)
{
    live_and_die(constant, 2000);
}

Test(collisions, four_bits_of_hash)
{
    live_and_die(four_bits, 3000);
}

Test(collisions, one_bit_of_hash)
{
    live_and_die(one_bit, 1500);
}

/* The long chain of dead values does not stay in the way of those that come later. */
Test(collisions, chains_shrink_after_death)
{
    enum { N = 4000 };
    struct hapax_type type = {.size = sizeof(struct word), .hash = constant};
    hapax_table *table = hapax_table_new(&type, 0);
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    fill(table, handles, N);
    struct hapax_table_stats full, later;
    hapax_table_stats(table, &full);
    cr_expect_geq(full.levels, N / 8);
    for (unsigned i = 0; i < N; i++)
        if (i % 500 != 0)
            handles[i] = NULL;
    collect();
    for (unsigned i = N; i < 2 * N; i++) {
        make(table, i);
        if (i % 100 == 0)
            collect();
    }
    collect();
    hapax_table_stats(table, &later);
    cr_expect_leq(later.levels, full.levels / 4);
    expect_right(table, handles, N);
}

/* ---- Hashes that a caller makes up ---- */

static void made_up(uint64_t (*hash)(unsigned number), unsigned n)
{
    hapax_table *table = hapax_table_new(NULL, 0);
    hapax_handle *handles = hapax_alloc(n * sizeof *handles);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < n; i++) {
            char text[32];
            int length = snprintf(text, sizeof text, "value %u", i);
            hapax_handle handle = hapax_make_handle_hashed(table, text, (size_t)length, hash(i));
            cr_assert_not_null(handle);
            cr_assert_str_eq(hapax_handle_value(handle), text);
            cr_assert_eq(hapax_handle_hash(handle), hash(i));
            cr_assert(handles[i] == NULL || handle == handles[i]);
            handles[i] = handle;
        }
        for (unsigned i = round; i < n; i += 3)
            handles[i] = NULL;
        collect();
    }
}

static uint64_t zero(unsigned number)
{
    (void)number;
    return 0;
}

static uint64_t all_ones(unsigned number)
{
    (void)number;
    return ~UINT64_C(0);
}

static uint64_t high_bits(unsigned number)
{
    return (uint64_t)number << 48;
}

static uint64_t highest_bits(unsigned number)
{
    return (uint64_t)number << 60;
}

static uint64_t bits_below_the_tag(unsigned number)
{
    return (uint64_t)number << 45;
}

static uint64_t low_bits(unsigned number)
{
    return number;
}

static uint64_t middle_bits(unsigned number)
{
    return (uint64_t)number << 20 | 0x3f;
}

static uint64_t two_values(unsigned number)
{
    return number % 2 == 0 ? 63 : UINT64_C(1) << 63;
}

Test(collisions, made_up_hashes)
{
    made_up(zero, 1500);
    made_up(all_ones, 1500);
    made_up(two_values, 1500);
    made_up(highest_bits, 1500);
    made_up(high_bits, 3000);
    made_up(bits_below_the_tag, 3000);
    made_up(middle_bits, 5000);
    made_up(low_bits, 20000);
}

/* ---- Threads ---- */

enum { THREADS = 4, VALUES = 600 };
static hapax_table *shared;
static hapax_handle *made[THREADS];

static void *make_all(void *data)
{
    uintptr_t me = (uintptr_t)data;
    for (unsigned i = 0; i < VALUES; i++) {
        unsigned number = me % 2 == 0 ? i : VALUES - 1 - i;
        made[me][number] = make(shared, number);
        if (number % 200 == 0)
            hapax_collect();
    }
    return NULL;
}

static void race(uint64_t (*hash)(const void *, size_t, uint64_t))
{
    struct hapax_type type = {.size = sizeof(struct word), .hash = hash};
    shared = hapax_table_new(&type, 0);
    pthread_t threads[THREADS];
    for (uintptr_t i = 0; i < THREADS; i++) {
        made[i] = hapax_alloc(VALUES * sizeof *made[i]);
        cr_assert_eq(pthread_create(&threads[i], NULL, make_all, (void *)i), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned value = 0; value < VALUES; value++)
        for (unsigned i = 0; i < THREADS; i++)
            cr_assert(made[i][value] != NULL && made[i][value] == made[0][value]);
    expect_right(shared, made[0], VALUES);
}

Test(collisions, racing_threads_with_poor_hashes)
{
    race(constant);
    race(four_bits);
    race(one_bit);
}
