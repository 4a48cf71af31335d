/* SPDX-License-Identifier: MIT */
/* Blocks that change their size, and blocks that live until they are freed. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

static hapax_weak weak[MANY];
static void *held[MANY];

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(blocks, .init = start);

static void *(*const allocators[])(size_t) = {hapax_alloc, hapax_alloc_plain, hapax_alloc_held};
enum { ALLOCATORS = sizeof allocators / sizeof *allocators };

static bool is_filled(const unsigned char *bytes, size_t from, size_t to, unsigned char with)
{
    for (size_t i = from; i < to; i++)
        if (bytes[i] != with)
            return false;
    return true;
}

Test(blocks, keep_what_fits_and_gain_zeroes)
{
    static const size_t sizes[] = {0, 1, 7, 15, 16, 17, 31, 200, 12, 3, 5000, 4095, 2049, 100000, 64, 300, 0, 4096};
    for (size_t kind = 0; kind < ALLOCATORS; kind++) {
        for (int again = 0; again < 30; again++) {
            size_t size = 10;
            unsigned char *block = allocators[kind](size);
            memset(block, 0xa5, size);
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                size_t kept = size < sizes[i] ? size : sizes[i];
                block = hapax_realloc(block, sizes[i]);
                cr_assert_not_null(block);
                cr_assert_eq((uintptr_t)block % alignof(max_align_t), 0);
                cr_assert(is_filled(block, 0, kept, 0xa5), "kind %zu, %zu to %zu bytes", kind, size, sizes[i]);
                cr_assert(is_filled(block, kept, sizes[i], 0), "kind %zu, %zu to %zu bytes", kind, size, sizes[i]);
                size = sizes[i];
                memset(block, 0xa5, size);
            }
            hapax_free(kind == 2 ? block : NULL);
        }
        hapax_collect();
    }
}

/* Many arrays that grow, and in each of their words the only pointer to an object. */
enum { ARRAYS = 100, OBJECTS = MANY / ARRAYS };

static void *(*allocate)(size_t);

static void make_array(size_t i)
{
    void **array = allocate(sizeof *array);
    for (size_t j = 0; j < OBJECTS; j++) {
        array = hapax_realloc(array, (j + 1) * 10 * sizeof *array);
        array[j * 10] = hapax_alloc(24);
        weak[i * OBJECTS + j] = hapax_weak_make(array[j * 10]);
        if ((i + j) % 100 == 0)
            hapax_collect();
    }
    held[i] = array;
}

static void hide_arrays(size_t i)
{
    held[i] = (void *)hide(held[i]);
}

static void free_array(size_t i)
{
    hapax_free(unhide((uintptr_t)held[i]));
}

Test(blocks, that_grow_keep_their_contents_alive)
{
    allocate = hapax_alloc;
    make_each(ARRAYS, make_array);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

Test(blocks, that_are_plain_stay_plain)
{
    allocate = hapax_alloc_plain;
    make_each(ARRAYS, make_array);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

Test(blocks, that_are_held_live_until_they_are_freed)
{
    allocate = hapax_alloc_held;
    make_each(ARRAYS, make_array);
    make_each(ARRAYS, hide_arrays);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    make_each(ARRAYS, free_array);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static void make_held(size_t i)
{
    void *block = hapax_alloc_held(16 + i % 300);
    weak[i] = hapax_weak_make(block);
    held[i] = (void *)hide(block);
}

static void free_one(size_t i)
{
    hapax_free(unhide((uintptr_t)held[i]));
}

Test(blocks, freed_turn_their_weak_pointers_null)
{
    make_each(MANY, make_held);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    make_each(MANY, free_one);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

/* ---- Pins ---- */

static void grow_pinned(size_t i)
{
    void *block = hapax_alloc(16);
    cr_assert_eq(hapax_pin(block), 0);
    cr_assert_eq(hapax_pin(block), 0);
    block = hapax_realloc(block, 1000);
    weak[i] = hapax_weak_make(block);
    hapax_unpin(block);
    held[i] = (void *)hide(block);
}

static void unpin_one(size_t i)
{
    hapax_unpin(unhide((uintptr_t)held[i]));
}

Test(blocks, keep_their_pins)
{
    make_each(MANY, grow_pinned);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    make_each(MANY, unpin_one);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

/* ---- Mistakes ---- */

Test(blocks, mistakes_are_refused)
{
    static char here[16];
    char *object = hapax_alloc(100), *outside = malloc(16);
    void *wrong[] = {here, outside, object + 8};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        errno = 0;
        cr_expect_null(hapax_realloc(wrong[i], 32));
        cr_expect_eq(errno, EINVAL);
        errno = 77;
        hapax_free(wrong[i]);
        cr_expect_eq(errno, 77);
    }
    hapax_free(object);
    hapax_free(NULL);
    cr_expect_eq(errno, 77);
    memset(object, 1, 100);
    volatile size_t too_large = SIZE_MAX - 100; /* unknown to the compiler, which would warn */
    errno = 0;
    cr_expect_null(hapax_realloc(object, too_large));
    cr_expect_eq(errno, ENOMEM);
    cr_expect(is_filled((unsigned char *)object, 0, 100, 1));
    errno = 0;
    cr_expect_null(hapax_alloc_held(too_large / 2 + 51));
    cr_expect_eq(errno, ENOMEM);
    free(outside);
    cr_expect_not_null(hapax_realloc(NULL, 10));
}
