/* SPDX-License-Identifier: MIT */
/* Handles of byte strings: make, find, read. */
#include "config.h"

#include "handle_texts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

_Static_assert(sizeof(hapax_handle) == sizeof(void *), "a handle is one pointer wide");

/* ---- Equality ---- */

Test(handle, equal_exactly_where_the_values_are)
{
    enum { N = 2000 };
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    for (unsigned i = 0; i < N; i++) {
        handles[i] = make_text(text_of(i));
        cr_assert_not_null(handles[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        char copy[64];
        strcpy(copy, text_of(i));
        cr_assert_eq(make_text(copy), handles[i]);
        cr_assert_eq(find_text(copy), handles[i]);
    }
    for (unsigned i = 1; i < N; i++)
        for (unsigned j = 0; j < i; j++)
            cr_assert_neq(handles[i], handles[j]);
}

/* All of one hash, so that nothing but the comparison of bytes tells them apart. */
Test(handle, every_byte_counts)
{
    enum { LONGEST = 80 };
    char text[LONGEST];
    hapax_handle *handles = hapax_alloc((LONGEST + 1) * sizeof *handles);
    for (size_t size = 0; size <= LONGEST; size++) {
        memset(text, 'x', size);
        handles[size] = hapax_make_handle_hashed(table, text, size, 1);
        cr_assert_eq(hapax_make_handle_hashed(table, text, size, 1), handles[size]);
        for (size_t shorter = 0; shorter < size; shorter++)
            cr_assert_neq(handles[shorter], handles[size]);
        for (size_t at = 0; at < size; at++) {
            text[at] = 'y';
            cr_assert_neq(hapax_make_handle_hashed(table, text, size, 1), handles[size],
                          "byte %zu of %zu does not count", at, size);
            text[at] = 'x';
        }
    }
    /* Beginnings of what is there, all in one line of the trie. */
    memset(text, 'z', sizeof text);
    for (size_t size = LONGEST + 1; size-- > LONGEST - 6;) {
        handles[size] = hapax_make_handle_hashed(table, text, size, 2);
        cr_assert_eq(hapax_handle_size(handles[size]), size);
    }
    for (size_t size = LONGEST + 1; size-- > LONGEST - 6;)
        cr_assert_eq(hapax_make_handle_hashed(table, text, size, 2), handles[size]);
}

Test(handle, a_beginning_is_another_value)
{
    enum { LONGEST = 70000 };
    struct hapax_type type = {.flags = HAPAX_TYPE_HAS_POINTERS};
    hapax_table *tables[] = {table, hapax_table_new(&type, 0)};
    char *text = calloc(1, LONGEST);
    for (unsigned i = 0; i < 2; i++) {
        static const size_t sizes[] = {LONGEST, LONGEST - 1, 65536, 65535, 65534, 65533};
        enum { N = sizeof sizes / sizeof *sizes };
        hapax_handle handles[N];
        for (unsigned j = 0; j < N; j++) {
            cr_assert_null(hapax_find_handle(tables[i], text, sizes[j]));
            handles[j] = hapax_make_handle_hashed(tables[i], text, sizes[j], 3);
            cr_assert_eq(hapax_handle_size(handles[j]), sizes[j]);
            for (unsigned k = 0; k <= j; k++)
                cr_assert_eq(hapax_make_handle_hashed(tables[i], text, sizes[k], 3), handles[k]);
        }
    }
    free(text);
}

Test(handle, compares_only_within_a_table)
{
    hapax_table *other = hapax_table_new(NULL, 0);
    hapax_handle here = make_text("same"), there = hapax_make_handle(other, "same", 4);
    cr_expect_neq(here, there);
    cr_expect_neq(here, hapax_intern("same"));
    cr_expect_null(hapax_find_handle(other, "another", 7));
    make_text("another");
    cr_expect_null(hapax_find_handle(other, "another", 7));
    hapax_keep_alive(here);
    hapax_keep_alive(there);
}

Test(handle, find_never_inserts)
{
    struct hapax_table_stats stats;
    for (unsigned i = 0; i < 1000; i++) {
        errno = 77;
        cr_assert_null(find_text(text_of(i)));
        cr_assert_eq(errno, 77);
    }
    hapax_table_stats(table, &stats);
    cr_expect_eq(stats.live, 0);
}

Test(handle, interning_a_string_is_making_it_in_the_common_table)
{
    hapax_handle handle = hapax_intern("hapax legomenon");
    cr_assert_not_null(handle);
    cr_expect_eq(hapax_strings(), hapax_strings());
    cr_expect_eq(hapax_make_handle(hapax_strings(), "hapax legomenon", 15), handle);
    cr_expect_eq(hapax_find_handle(hapax_strings(), "hapax legomenon", 15), handle);
    cr_expect_null(hapax_find_handle(hapax_strings(), "hapax", 5));
    cr_expect_str_eq(hapax_handle_value(handle), "hapax legomenon");
}

/* ---- Reading ---- */

Test(handle, gives_the_bytes_of_every_size)
{
    enum { LONGEST = 700 };
    char text[LONGEST];
    for (size_t i = 0; i < LONGEST; i++)
        text[i] = (char)(i * 7 + 1);
    hapax_handle *handles = hapax_alloc((LONGEST + 1) * sizeof *handles);
    for (size_t size = 0; size <= LONGEST; size++)
        handles[size] = hapax_make_handle(table, text, size);
    for (size_t size = 0; size <= LONGEST; size++) {
        cr_assert_eq(hapax_handle_size(handles[size]), size);
        cr_assert(memcmp(hapax_handle_value(handles[size]), text, size) == 0);
        cr_assert_eq(((const char *)hapax_handle_value(handles[size]))[size], '\0');
    }
}

Test(handle, holds_embedded_zeros)
{
    hapax_handle with = hapax_make_handle(table, "ab\0cd", 5), without = hapax_make_handle(table, "ab", 2),
                 longer = hapax_make_handle(table, "ab\0", 3);
    cr_expect(with != without && with != longer && without != longer);
    cr_expect_eq(hapax_handle_size(with), 5);
    cr_expect(memcmp(hapax_handle_value(with), "ab\0cd", 6) == 0);
    cr_expect_eq(hapax_handle_size(longer), 3);
    hapax_keep_alive(longer);
}

Test(handle, the_empty_value_is_a_value)
{
    hapax_handle empty = hapax_make_handle(table, NULL, 0);
    cr_assert_not_null(empty);
    cr_expect_eq(hapax_make_handle(table, "", 0), empty);
    cr_expect_eq(hapax_find_handle(table, NULL, 0), empty);
    cr_expect_eq(hapax_make_handle_hashed(table, NULL, 0, hapax_hash(table, NULL, 0)), empty);
    cr_expect_eq(hapax_handle_size(empty), 0);
    cr_expect_str_eq(hapax_handle_value(empty), "");
    cr_expect_eq(hapax_intern(""), hapax_make_handle(hapax_strings(), NULL, 0));
}

Test(handle, no_handle_reads_as_nothing)
{
    errno = 77;
    cr_expect_null(hapax_handle_value(NULL));
    cr_expect_eq(hapax_handle_size(NULL), 0);
    cr_expect_eq(hapax_handle_hash(NULL), 0);
    cr_expect_eq(errno, 77);
}

Test(handle, the_hash_is_the_same_from_everywhere)
{
    for (unsigned i = 0; i < 1000; i++) {
        const char *text = text_of(i);
        uint64_t hash = hapax_hash(table, text, strlen(text));
        hapax_handle handle = hapax_make_handle_hashed(table, text, strlen(text), hash);
        cr_assert_eq(hapax_handle_hash(handle), hash);
        cr_assert_eq(make_text(text), handle);
        cr_assert_eq(hapax_hash(table, hapax_handle_value(handle), hapax_handle_size(handle)), hash);
    }
}

/* ---- The caller's buffer ---- */

Test(handle, the_buffer_may_be_overwritten_or_gone)
{
    char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(page, MAP_FAILED);
    strcpy(page, "in a page");
    hapax_handle first = hapax_make_handle(table, page, 9);
    strcpy(page, "over it  ");
    hapax_handle second = hapax_make_handle(table, page, 9);
    munmap(page, 4096);
    cr_expect_str_eq(hapax_handle_value(first), "in a page");
    cr_expect_str_eq(hapax_handle_value(second), "over it  ");
    cr_expect_eq(make_text("in a page"), first);
}

/* A page between two that must not be touched: what lies beside a value is not read. */
Test(handle, nothing_beside_the_buffer_is_read)
{
    enum { PAGE = 4096, LONGEST = 700 };
    char *pages = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(pages, MAP_FAILED);
    cr_assert_eq(mprotect(pages + PAGE, PAGE, PROT_READ | PROT_WRITE), 0);
    char *first = pages + PAGE, *end = pages + 2 * PAGE;
    hapax_handle handles[2];
    for (size_t size = 0; size <= LONGEST; size++) {
        memset(first, 'b', size);
        memset(end - size, 'b', size);
        hapax_span spans[] = {{first, size}, {end - size, size}};
        for (unsigned round = 0; round < 2; round++) {
            cr_assert_eq(hapax_make_handle(table, first, size), hapax_make_handle(table, end - size, size));
            cr_assert_eq(hapax_find_handle(table, first, size), hapax_find_handle(table, end - size, size));
            cr_assert_eq(hapax_hash(table, first, size), hapax_hash(table, end - size, size));
            cr_assert_eq(hapax_make_handles(table, spans, 2, handles), 2);
            cr_assert_eq(handles[0], handles[1]);
        }
    }
}

Test(handle, lookups_allocate_nothing)
{
    enum { N = 500 };
    static char texts[N][64];
    cr_assert_eq(hapax_set_cleanup_threads(0), 0);   /* a thread that begins is not counted */
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    for (unsigned i = 0; i < N; i++) {
        strcpy(texts[i], text_of(i));
        handles[i] = make_text(texts[i]);
    }
    struct hapax_stats before, after;
    hapax_span spans[N];
    hapax_handle *again = hapax_alloc(N * sizeof *again);
    for (unsigned i = 0; i < N; i++)
        spans[i] = (hapax_span){texts[i], strlen(texts[i])};
    hapax_stats(&before);
    size_t bytes = GC_get_total_bytes(), other_bytes = mallinfo2().uordblks;
    for (unsigned round = 0; round < 200; round++)
        for (unsigned i = 0; i < N; i++) {
            size_t size = strlen(texts[i]);
            cr_assert(hapax_make_handle(table, texts[i], size) == handles[i] &&
                      hapax_find_handle(table, texts[i], size) == handles[i] &&
                      hapax_make_handle_hashed(table, texts[i], size, hapax_handle_hash(handles[i])) == handles[i]);
            cr_assert_eq(hapax_hash(table, texts[i], size), hapax_handle_hash(handles[i]));
            (void)hapax_find_handle(table, "not there", 9);
        }
    for (unsigned round = 0; round < 200; round++)
        cr_assert_eq(hapax_make_handles(table, spans, N, again), N);
    cr_expect_eq(GC_get_total_bytes(), bytes);
    cr_expect_eq(mallinfo2().uordblks, other_bytes);
    hapax_stats(&after);
    cr_expect_eq(after.collections, before.collections);
}

static NOINLINE void intern_parts(hapax_handle *parts, unsigned n, atomic_uint *dead)
{
    for (unsigned i = 0; i < n; i++) {
        char *buffer = hapax_alloc_plain(200000);
        snprintf(buffer + 100000, 50, "a part of buffer %u", i);
        hapax_add_cleanup(buffer, count_one, dead, NULL);
        parts[i] = hapax_make_handle(table, buffer + 100000, strlen(buffer + 100000));
    }
}

Test(handle, a_part_does_not_keep_the_whole)
{
    enum { N = 100 };
    static atomic_uint dead;
    hapax_handle *parts = hapax_alloc(N * sizeof *parts);
    intern_parts(parts, N, &dead);
    collect_all();
    cr_expect_geq(atomic_load(&dead), MOST(N));
    for (unsigned i = 0; i < N; i++) {
        char text[50];
        snprintf(text, sizeof text, "a part of buffer %u", i);
        cr_expect_str_eq(hapax_handle_value(parts[i]), text);
    }
}

/* ---- Threads ---- */

enum { THREADS = 6, VALUES = 4000 };
static hapax_handle *made[THREADS];
static pthread_barrier_t barrier;

static void *make_all(void *data)
{
    uintptr_t me = (uintptr_t)data;
    hapax_init();
    pthread_barrier_wait(&barrier);
    for (unsigned i = 0; i < VALUES; i++) {
        char text[40];
        unsigned number = me % 2 == 0 ? i : VALUES - 1 - i;
        int length = snprintf(text, sizeof text, "raced for %u", number);
        made[me][number] = hapax_make_handle(table, text, (size_t)length);
        if (number % 1000 == 0)
            hapax_collect();
    }
    return NULL;
}

Test(handle, racing_threads_get_the_same_handles)
{
    pthread_t threads[THREADS];
    pthread_barrier_init(&barrier, NULL, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++) {
        made[i] = hapax_alloc(VALUES * sizeof *made[i]);
        cr_assert_eq(pthread_create(&threads[i], NULL, make_all, (void *)i), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned value = 0; value < VALUES; value++)
        for (unsigned i = 0; i < THREADS; i++)
            cr_assert(made[i][value] != NULL && made[i][value] == made[0][value]);
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_expect_eq(stats.live, VALUES);
}
