/* SPDX-License-Identifier: MIT */
/* Collected memory, pins, root ranges, and what is searched for pointers. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static hapax_weak weak[MANY];
static void *held[MANY];
static void **out_of_sight;     /* mapped memory, which is not searched, with room for MANY pointers */

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
    out_of_sight = mmap(NULL, MANY * sizeof *out_of_sight, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(out_of_sight, MAP_FAILED);
}

TestSuite(memory, .init = start);

static void *new_object(size_t i)
{
    void *object = hapax_alloc(24 + i % 100);
    weak[i] = hapax_weak_make(object);
    return object;
}

static void make_dropped(size_t i)
{
    new_object(i);
}

static void make_held(size_t i)
{
    held[i] = new_object(i);
}

static void make_out_of_sight(size_t i)
{
    out_of_sight[i] = new_object(i);
}

/* ---- Allocation ---- */

Test(memory, is_zeroed_and_aligned)
{
    for (size_t size = 1; size < 3000; size += size / 7 + 1) {
        for (int again = 0; again < 20; again++) {
            char *scanned = hapax_alloc(size), *plain = hapax_alloc_plain(size);
            cr_assert(scanned != NULL && plain != NULL);
            cr_assert_eq((uintptr_t)scanned % alignof(max_align_t), 0);
            cr_assert_eq((uintptr_t)plain % alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                cr_assert(scanned[i] == 0 && plain[i] == 0, "size %zu, byte %zu", size, i);
            /* So that memory that is used again is not zeroed by chance. */
            memset(scanned, 0xa5, size);
            memset(plain, 0xa5, size);
        }
        hapax_collect();
    }
}

Test(memory, objects_do_not_overlap)
{
    for (size_t i = 0; i < MANY; i++) {
        size_t size = 1 + i % 70;
        held[i] = i % 2 ? hapax_alloc(size) : hapax_alloc_plain(size);
        memset(held[i], (int)i, size);
        if (i % 100 == 0)
            hapax_collect();
    }
    for (size_t i = 0; i < MANY; i++)
        for (size_t j = 0; j < 1 + i % 70; j++)
            cr_assert_eq(((unsigned char *)held[i])[j], (unsigned char)i);
}

Test(memory, size_zero_is_an_object_of_its_own)
{
    for (size_t i = 0; i < MANY; i++) {
        held[i] = i % 2 ? hapax_alloc(0) : hapax_alloc_plain(0);
        cr_assert_not_null(held[i]);
        weak[i] = hapax_weak_make(held[i]);
        cr_assert_not_null(weak[i]);
        for (size_t j = 0; j < i; j++)
            cr_assert_neq(held[i], held[j]);
    }
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

Test(memory, too_much_is_refused)
{
    static const size_t sizes[] = {SIZE_MAX,        SIZE_MAX - 1,     SIZE_MAX - 15,  SIZE_MAX - 16,
                                   SIZE_MAX - 4096, SIZE_MAX / 2 + 1, (size_t)1 << 62};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        cr_expect_null(hapax_alloc(sizes[i]));
        cr_expect_eq(errno, ENOMEM);
        errno = 0;
        cr_expect_null(hapax_alloc_plain(sizes[i]));
        cr_expect_eq(errno, ENOMEM);
    }
    cr_assert_not_null(hapax_alloc(100));
    cr_assert_not_null(hapax_alloc_plain(100));
}

/* ---- What is searched ---- */

Test(memory, what_nothing_reaches_dies)
{
    make_each(MANY, make_dropped);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

Test(memory, static_data_is_searched)
{
    make_each(MANY, make_held);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    memset(held, 0, sizeof held);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

Test(memory, the_stack_is_searched)
{
    void *on_stack[50];
    for (size_t i = 0; i < 50; i++)
        on_stack[i] = new_object(i);
    hapax_keep_alive(on_stack);
    collect();
    cr_assert_eq(count_dead(weak, 50), 0);
    hapax_keep_alive(on_stack);
}

static void **scanned, **plain;

static void make_in_scanned(size_t i)
{
    scanned[i] = new_object(i);
}

static void make_in_plain(size_t i)
{
    plain[i] = new_object(i);
}

Test(memory, collected_memory_is_searched)
{
    scanned = hapax_alloc(MANY * sizeof *scanned);
    make_each(MANY, make_in_scanned);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

Test(memory, plain_memory_is_not_searched)
{
    plain = hapax_alloc_plain(MANY * sizeof *plain);
    make_each(MANY, make_in_plain);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    cr_assert_not_null(plain[0]);
}

Test(memory, mapped_memory_is_not_searched)
{
    make_each(MANY, make_out_of_sight);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static void make_held_inside(size_t i)
{
    held[i] = (char *)new_object(i) + 1 + i % 23;
}

Test(memory, a_pointer_inside_keeps_alive)
{
    make_each(MANY, make_held_inside);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

/* Neighbours in memory: objects of one size, made one after the other. */
static void *(*make_neighbour)(size_t);
static size_t neighbour_size;

static void make_neighbours(size_t i)
{
    char *object = make_neighbour(neighbour_size);
    weak[i] = hapax_weak_make(object);
    /* Every second one is held by the pointer one past its end, which may not lead to the next. */
    held[i] = i % 2 ? NULL : object + neighbour_size;
}

static void one_past_the_end(void *(*make)(size_t), size_t size)
{
    make_neighbour = make;
    neighbour_size = size;
    make_each(MANY, make_neighbours);
    collect();
    size_t dead_neighbours = 0;
    for (size_t i = 0; i < MANY; i++)
        if (i % 2)
            dead_neighbours += hapax_weak_value(weak[i]) == NULL;
        else
            cr_assert_not_null(hapax_weak_value(weak[i]), "the end of object %zu of %zu bytes", i, size);
    cr_assert_geq(dead_neighbours, MOST / 2, "%zu of size %zu", dead_neighbours, size);
}

Test(memory, one_past_the_end_keeps_only_its_own)
{
    for (size_t size = 16; size <= 128; size += 16) {
        one_past_the_end(hapax_alloc, size);
        one_past_the_end(hapax_alloc_plain, size);
    }
}

/* ---- Pins ---- */

static void make_pinned(size_t i)
{
    out_of_sight[i] = new_object(i);
    if (hapax_pin(out_of_sight[i]) != 0)
        abort();
}

static void unpin(size_t i)
{
    hapax_unpin(out_of_sight[i]);
}

Test(memory, a_pin_keeps_alive_until_unpinned)
{
    make_each(MANY, make_pinned);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    make_each(MANY, unpin);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static void pin_again_inside(size_t i)
{
    if (hapax_pin((char *)out_of_sight[i] + i % 24) != 0)
        abort();
}

Test(memory, pins_are_counted)
{
    make_each(MANY, make_pinned);
    make_each(MANY, pin_again_inside);
    make_each(MANY, unpin);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    make_each(MANY, unpin);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

static void make_pinned_chain(size_t i)
{
    void **link = hapax_alloc(sizeof *link);
    *link = i > 0 ? unhide((uintptr_t)out_of_sight[0]) : NULL;
    out_of_sight[0] = (void *)hide(link);
    weak[i] = hapax_weak_make(link);
    if (i == MANY - 1 && hapax_pin(link) != 0)
        abort();
    hapax_keep_alive(link);
}

Test(memory, a_pin_keeps_what_its_object_reaches)
{
    held[0] = NULL;
    for (size_t i = 0; i < MANY; i++)
        make_pinned_chain(i);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

static void unpin_every_third(size_t i)
{
    if (i % 3 == 0)
        unpin(i);
}

Test(memory, unpinning_one_leaves_the_others)
{
    make_each(MANY, make_pinned);
    make_each(MANY, unpin_every_third);
    collect();
    size_t dead = 0;
    for (size_t i = 0; i < MANY; i++)
        if (i % 3 == 0)
            dead += hapax_weak_value(weak[i]) == NULL;
        else
            cr_assert_not_null(hapax_weak_value(weak[i]));
    cr_assert_geq(dead, MOST / 3);
}

Test(memory, mistaken_pins_are_refused)
{
    char on_stack;
    static char fixed;
    void *from_malloc = malloc(100);
    errno = 0;
    cr_expect_eq(hapax_pin(NULL), -1);
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_eq(hapax_pin(&on_stack), -1);
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_eq(hapax_pin(from_malloc), -1);
    cr_expect_eq(errno, EINVAL);
    cr_expect_eq(hapax_pin(&fixed), 0);
    cr_expect_eq(hapax_pin("literal"), 0);
    errno = 77;
    hapax_unpin(NULL);
    hapax_unpin(&on_stack);
    hapax_unpin(&fixed);
    hapax_unpin(from_malloc);
    hapax_unpin(hapax_alloc(10));
    cr_expect_eq(errno, 77);
    free(from_malloc);
}

Test(memory, too_many_unpins_do_not_count)
{
    make_each(MANY, make_pinned);
    make_each(MANY, unpin);
    /* They are still held here, so each of these is one too many. */
    make_each(MANY, unpin);
    for (size_t i = 0; i < MANY; i++)
        if (hapax_weak_value(weak[i]) != NULL)
            cr_assert_eq(hapax_pin(out_of_sight[i]), 0);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

static void make_pinned_handle(size_t i)
{
    char text[32];
    snprintf(text, sizeof text, "pinned %zu", i);
    hapax_handle handle = hapax_intern(text);
    out_of_sight[i] = (void *)(uintptr_t)handle;
    weak[i] = hapax_weak_make(handle);
    if (hapax_pin(handle) != 0)
        abort();
}

Test(memory, handles_can_be_pinned)
{
    make_each(MANY, make_pinned_handle);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    cr_assert_eq(hapax_intern("pinned 7"), out_of_sight[7]);
    make_each(MANY, unpin);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

/* ---- Root ranges ---- */

Test(memory, a_root_range_keeps_alive_until_removed)
{
    cr_assert_eq(hapax_add_roots(out_of_sight, MANY * sizeof *out_of_sight), 0);
    make_each(MANY, make_out_of_sight);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    hapax_remove_roots(out_of_sight, MANY * sizeof *out_of_sight);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

Test(memory, a_root_range_is_read_anew_each_time)
{
    cr_assert_eq(hapax_add_roots(out_of_sight, MANY * sizeof *out_of_sight), 0);
    make_each(MANY, make_out_of_sight);
    memset(out_of_sight, 0, MANY * sizeof *out_of_sight);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
    make_each(MANY, make_out_of_sight);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}

Test(memory, a_range_added_twice_is_removed_twice)
{
    size_t size = MANY * sizeof *out_of_sight;
    cr_assert_eq(hapax_add_roots(out_of_sight, size), 0);
    cr_assert_eq(hapax_add_roots(out_of_sight, size), 0);
    make_each(MANY, make_out_of_sight);
    hapax_remove_roots(out_of_sight, size);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    hapax_remove_roots(out_of_sight, size);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

Test(memory, overlapping_ranges_go_one_by_one)
{
    /* The first half, the middle half, the whole. */
    size_t half = MANY / 2 * sizeof *out_of_sight, whole = 2 * half;
    void **middle = out_of_sight + MANY / 4;
    cr_assert_eq(hapax_add_roots(out_of_sight, half), 0);
    cr_assert_eq(hapax_add_roots(middle, half), 0);
    cr_assert_eq(hapax_add_roots(out_of_sight, whole), 0);
    make_each(MANY, make_out_of_sight);
    hapax_remove_roots(out_of_sight, whole);
    collect();
    cr_assert_eq(count_dead(weak, MANY / 4 * 3), 0);
    cr_assert_geq(count_dead(weak + MANY / 4 * 3, MANY / 4), MOST / 4);
    hapax_remove_roots(out_of_sight, half);
    collect();
    cr_assert_geq(count_dead(weak, MANY / 4), MOST / 4);
    cr_assert_eq(count_dead(weak + MANY / 4, MANY / 2), 0);
}

Test(memory, any_number_of_ranges)
{
    for (size_t i = 0; i < MANY; i++)
        cr_assert_eq(hapax_add_roots(&out_of_sight[i], sizeof *out_of_sight), 0);
    make_each(MANY, make_out_of_sight);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    for (size_t i = 0; i < MANY; i += 2)
        hapax_remove_roots(&out_of_sight[i], sizeof *out_of_sight);
    collect();
    size_t dead = 0;
    for (size_t i = 0; i < MANY; i++)
        if (i % 2 == 0)
            dead += hapax_weak_value(weak[i]) == NULL;
        else
            cr_assert_not_null(hapax_weak_value(weak[i]));
    cr_assert_geq(dead, MOST / 2);
}

Test(memory, only_whole_words_of_a_range_are_searched)
{
    /* A range of odd bounds: the words that it does not contain whole do not count. */
    cr_assert_eq(hapax_add_roots((char *)out_of_sight + 1, (MANY - 1) * sizeof *out_of_sight), 0);
    make_each(MANY, make_out_of_sight);
    collect();
    cr_assert_eq(count_dead(weak + 1, MANY - 2), 0);
    /* Ranges without a whole word, and at the end of the address space. */
    cr_assert_eq(hapax_add_roots((char *)out_of_sight + 1, 3), 0);
    cr_assert_eq(hapax_add_roots(out_of_sight, 0), 0);
    collect();
    hapax_remove_roots(out_of_sight, 0);
    hapax_remove_roots((char *)out_of_sight + 1, 3);
    collect();
    cr_assert_eq(count_dead(weak + 1, MANY - 2), 0);
}

Test(memory, a_range_may_lie_in_mapped_memory)
{
    size_t size = MANY * sizeof(void *);
    void **mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(mapped, MAP_FAILED);
    cr_assert_eq(hapax_add_roots(mapped, size), 0);
    out_of_sight = mapped;
    make_each(MANY, make_out_of_sight);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
    hapax_remove_roots(mapped, size);
    munmap(mapped, size);
    collect();
    cr_assert_geq(count_dead(weak, MANY), MOST);
}

Test(memory, mistaken_ranges_are_refused)
{
    errno = 0;
    cr_expect_eq(hapax_add_roots(NULL, 8), -1);
    cr_expect_eq(errno, EINVAL);
    errno = 0;
    cr_expect_eq(hapax_add_roots(out_of_sight, SIZE_MAX), -1);
    cr_expect_eq(errno, EINVAL);
    errno = 77;
    hapax_remove_roots(NULL, 8);
    hapax_remove_roots(out_of_sight, 8);
    cr_expect_eq(errno, 77);
    /* Another size is another range. */
    cr_assert_eq(hapax_add_roots(out_of_sight, MANY * sizeof *out_of_sight), 0);
    make_each(MANY, make_out_of_sight);
    hapax_remove_roots(out_of_sight, 8);
    hapax_remove_roots(out_of_sight + 1, MANY * sizeof *out_of_sight);
    collect();
    cr_assert_eq(count_dead(weak, MANY), 0);
}
