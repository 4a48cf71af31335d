/* Handles of byte strings: make, find, read, die. */
#include "config.h"

#include "dying.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

_Static_assert(sizeof(hapax_handle) == sizeof(void *), "a handle is one pointer wide");

static hapax_table *table;

static void begin(void)
{
    GC_INIT();
    table = hapax_table_new(NULL, 0);
    cr_assert_not_null(table);
}

TestSuite(handle, .init = begin, .timeout = 60);

static hapax_handle make_text(const char *text)
{
    return hapax_make_handle(table, text, strlen(text));
}

static hapax_handle find_text(const char *text)
{
    return hapax_find_handle(table, text, strlen(text));
}

/* A text of its own for each number, of 10 bytes and more. */
static const char *text_of(unsigned number)
{
    static char text[64];
    snprintf(text, sizeof text, "number %0*u", (int)(number % 29) + 3, number);
    return text;
}

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

/* ---- Life ---- */

static NOINLINE void make_and_forget(unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++)
        cr_assert_not_null(make_text(text_of(i)));
}

static NOINLINE unsigned count_found(unsigned first, unsigned n)
{
    unsigned found = 0;
    for (unsigned i = first; i < first + n; i++)
        found += find_text(text_of(i)) != NULL;
    return found;
}

Test(handle, what_nobody_holds_is_evicted)
{
    enum { N = 5000 };
    make_and_forget(0, N);
    collect();
    cr_expect_leq(count_found(0, N), N - MOST(N));
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_expect_geq(stats.evicted, MOST(N));
    /* Anew. */
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    for (unsigned i = 0; i < N; i++)
        handles[i] = make_text(text_of(i));
    cr_expect_eq(count_found(0, N), N);
    hapax_keep_alive(handles);
}

Test(handle, what_somebody_holds_stays_canonical)
{
    enum { N = 5000 };
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    for (unsigned i = 0; i < N; i++)
        handles[i] = make_text(text_of(i));
    for (unsigned round = 0; round < 5; round++) {
        make_and_forget(N, N);
        collect();
        for (unsigned i = 0; i < N; i++) {
            cr_assert_str_eq(hapax_handle_value(handles[i]), text_of(i));
            cr_assert_eq(make_text(text_of(i)), handles[i]);
        }
    }
}

/* Pointers into the bytes, stored where the collector looks, and nothing else. */
static NOINLINE void hold_bytes(const char **bytes, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        hapax_handle handle = make_text(text_of(i));
        size_t size = hapax_handle_size(handle);
        size_t offsets[] = {0, 1, size / 2, size - 1};
        bytes[i] = (const char *)hapax_handle_value(handle) + offsets[i % 4];
    }
}

Test(handle, holding_bytes_keeps_the_value_canonical)
{
    enum { N = 2000 };
    const char **bytes = hapax_alloc(N * sizeof *bytes);
    hold_bytes(bytes, N);
    make_and_forget(N, N);
    collect();
    cr_expect_leq(count_found(N, N), N - MOST(N));
    for (unsigned i = 0; i < N; i++) {
        hapax_handle handle = find_text(text_of(i));
        cr_assert_not_null(handle, "value %u died although its bytes are held", i);
        cr_assert_leq((uintptr_t)hapax_handle_value(handle), (uintptr_t)bytes[i]);
    }
}

static const char *numbered(unsigned number)
{
    static char text[80];
    memset(text, 'x', sizeof text);
    snprintf(text, sizeof text, "%05u", number);
    return text;
}

static NOINLINE void hold_ends(hapax_table *of, const char **ends, unsigned n, size_t size)
{
    for (unsigned i = 0; i < n; i++) {
        hapax_handle handle = hapax_make_handle(of, numbered(i), size);
        if (i % 8 == 0)
            ends[i / 8] = (const char *)hapax_handle_value(handle) + size;
    }
}

/* Objects are handed out one beside the other, so a pointer one past the end of one would lead to the next. */
static void keeps_no_neighbour(hapax_table *of, size_t size)
{
    enum { N = 2000 };
    const char **ends = hapax_alloc(N / 8 * sizeof *ends);
    hold_ends(of, ends, N, size);
    collect();
    /* Its own value such a pointer may keep. */
    unsigned found = 0;
    for (unsigned i = 0; i < N; i++)
        found += i % 8 != 0 && hapax_find_handle(of, numbered(i), size) != NULL;
    cr_expect_leq(found, N / 100, "of %zu bytes %u of %u neighbours live", size, found, N);
    hapax_keep_alive(ends);
}

Test(handle, a_pointer_past_the_end_keeps_no_neighbour)
{
    for (size_t size = 6; size <= 70; size++)
        keeps_no_neighbour(table, size);
    for (size_t size = 8; size <= 64; size += 8)
        for (unsigned flags = 0; flags <= HAPAX_TYPE_HAS_POINTERS; flags++) {
            struct hapax_type type = {.size = size, .flags = flags};
            keeps_no_neighbour(hapax_table_new(&type, 0), size);
        }
}

static NOINLINE void drop_table(hapax_handle *handles, unsigned n, atomic_uint *dead)
{
    for (unsigned i = 0; i < n; i++) {
        hapax_table *own = hapax_table_new(NULL, 0);
        hapax_add_cleanup(own, count_one, dead, NULL);
        handles[i] = hapax_make_handle(own, text_of(i), strlen(text_of(i)));
    }
}

Test(handle, outlives_its_table_and_does_not_keep_it)
{
    enum { N = 200 };
    static atomic_uint dead;
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    drop_table(handles, N, &dead);
    collect_all();
    cr_expect_geq(atomic_load(&dead), MOST(N));
    for (unsigned i = 0; i < N; i++) {
        cr_expect_str_eq(hapax_handle_value(handles[i]), text_of(i));
        cr_expect_eq(hapax_handle_size(handles[i]), strlen(text_of(i)));
    }
}

static NOINLINE void hang_on_handles(hapax_weak *weak, unsigned n, atomic_uint *dead)
{
    for (unsigned i = 0; i < n; i++) {
        hapax_handle handle = make_text(text_of(i));
        weak[i] = hapax_weak_make(handle);
        cr_assert_eq(hapax_weak_value(weak[i]), handle);
        cr_assert_eq(hapax_add_cleanup(handle, count_one, dead, NULL), 0);
        if (i % 2 == 0)
            cr_assert_eq(hapax_pin(handle), 0);
    }
}

Test(handle, takes_weak_pointers_cleanups_and_pins)
{
    enum { N = 1000 };
    static atomic_uint dead;
    hapax_weak *weak = hapax_alloc(N * sizeof *weak);
    hang_on_handles(weak, N, &dead);
    collect_all();
    cr_expect_geq(atomic_load(&dead), MOST(N / 2));
    cr_expect_leq(atomic_load(&dead), N / 2);
    for (unsigned i = 0; i < N; i += 2)
        cr_assert_eq(find_text(text_of(i)), hapax_weak_value(weak[i]));
    for (unsigned i = 0; i < N; i += 2)
        hapax_unpin(hapax_weak_value(weak[i]));
    collect_all();
    cr_expect_geq(atomic_load(&dead), MOST(N));
}

static NOINLINE void link_to_handles(void **links, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        hapax_handle handle = make_text(text_of(i));
        links[i] = (void *)(uintptr_t)handle;
        cr_assert_eq(GC_general_register_disappearing_link(&links[i], handle), GC_SUCCESS);
    }
}

Test(handle, takes_links_of_the_collector)
{
    enum { N = 1000 };
    void **links = GC_MALLOC_ATOMIC(N * sizeof *links);
    link_to_handles(links, N);
    hapax_handle *held = hapax_alloc(N * sizeof *held);
    for (unsigned i = 0; i < N; i += 2)
        held[i] = links[i];
    collect();
    unsigned gone = 0;
    for (unsigned i = 0; i < N; i++)
        if (held[i] != NULL)
            cr_assert_eq(links[i], held[i]);
        else
            gone += links[i] == NULL;
    cr_expect_geq(gone, MOST(N / 2));
}

/* ---- Hashes that are wrong ---- */

/* The head of a value of this size looks like that of a short one of the same size, up to where the size itself stands:
 * the other value has those bytes first. */
Test(handle, a_value_is_not_taken_for_its_head)
{
    enum { SIZE = 0xffff, HEAD = 6 };
    static char value[SIZE], other[SIZE];
    for (unsigned i = 0; i < SIZE; i++)
        value[i] = (char)(i * 7 % 251);
    hapax_handle handle = hapax_make_handle_hashed(table, value, SIZE, 1);
    cr_assert_not_null(handle);
    memcpy(other, (const char *)hapax_handle_value(handle) - HEAD, SIZE);
    hapax_handle second = hapax_make_handle_hashed(table, other, SIZE, 1);
    cr_assert_neq(second, handle);
    cr_expect_arr_eq(hapax_handle_value(second), other, SIZE);
    cr_expect_eq(hapax_make_handle_hashed(table, value, SIZE, 1), handle);
    cr_expect_eq(hapax_make_handle_hashed(table, other, SIZE, 1), second);
}

Test(handle, a_wrong_hash_gives_a_second_handle_and_nothing_worse)
{
    enum { N = 3000 };
    hapax_handle *right = hapax_alloc(N * sizeof *right), *wrong = hapax_alloc(N * sizeof *wrong);
    for (unsigned i = 0; i < N; i++) {
        const char *text = text_of(i);
        size_t size = strlen(text);
        uint64_t hash = hapax_hash(table, text, size);
        uint64_t bad = i % 3 == 0 ? ~hash : i % 3 == 1 ? hash ^ UINT64_C(1) << 50 : hash + 1;
        if (i % 2 == 0)
            right[i] = make_text(text);
        wrong[i] = hapax_make_handle_hashed(table, text, size, bad);
        if (i % 2 == 1)
            right[i] = make_text(text);
        cr_assert_not_null(wrong[i]);
        cr_assert_eq(hapax_make_handle_hashed(table, text, size, bad), wrong[i]);
        cr_assert_eq(hapax_handle_hash(wrong[i]), bad);
        cr_assert_neq(wrong[i], right[i]);
    }
    collect();
    for (unsigned i = 0; i < N; i++) {
        cr_assert_eq(make_text(text_of(i)), right[i]);
        cr_assert_str_eq(hapax_handle_value(wrong[i]), text_of(i));
        wrong[i] = NULL;
    }
    collect();
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_expect_geq(stats.evicted, MOST(N));
    for (unsigned i = 0; i < N; i++)
        cr_assert_eq(find_text(text_of(i)), right[i]);
}

/* ---- Long values ---- */

static NOINLINE void make_long(const size_t *sizes, unsigned n, hapax_handle *handles)
{
    for (unsigned i = 0; i < n; i++) {
        char *text = malloc(sizes[i]);
        memset(text, (int)('a' + i), sizes[i]);
        text[sizes[i] / 2] = '\0';
        handles[i] = hapax_make_handle(table, text, sizes[i]);
        cr_assert_eq(hapax_find_handle(table, text, sizes[i]), handles[i]);
        cr_assert_null(hapax_find_handle(table, text, sizes[i] - 1));
        text[sizes[i] - 1] = '!';
        cr_assert_null(hapax_find_handle(table, text, sizes[i]));
        free(text);
    }
}

Test(handle, long_values)
{
    static const size_t sizes[] = {65520, 65533, 65534, 65535, 65536, 65537, 100000, 131072, 1 << 20, 20000001};
    enum { N = sizeof sizes / sizeof *sizes };
    hapax_handle *handles = hapax_alloc(N * sizeof *handles);
    make_long(sizes, N, handles);
    collect();
    for (unsigned i = 0; i < N; i++) {
        const char *bytes = hapax_handle_value(handles[i]);
        cr_assert_eq(hapax_handle_size(handles[i]), sizes[i]);
        for (size_t at = 0; at < sizes[i]; at++)
            cr_assert(bytes[at] == (at == sizes[i] / 2 ? '\0' : (char)('a' + i)));
        cr_assert_eq(bytes[sizes[i]], '\0');
        cr_assert_eq(hapax_make_handle(table, bytes, sizes[i]), handles[i]);
    }
}

#ifdef __SANITIZE_ADDRESS__
#define CAN_LIMIT false
#else
#define CAN_LIMIT true
#endif

Test(handle, values_too_large_for_memory_are_refused, .disabled = !CAN_LIMIT)
{
    size_t size = (size_t)5 << 30;
    char *huge = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    cr_assert_neq(huge, MAP_FAILED);
    hapax_handle small = make_text("small");
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_AS, &limit);
    GC_set_warn_proc(GC_ignore_warn_proc);
    size_t sizes[] = {size, (size_t)1 << 40, ((size_t)1 << 48) - 20, (size_t)1 << 48, SIZE_MAX / 2, SIZE_MAX};
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        cr_expect_null(hapax_make_handle_hashed(table, huge, sizes[i], 7), "%zu bytes", sizes[i]);
        cr_expect_eq(errno, ENOMEM);
    }
    limit.rlim_cur = before;
    setrlimit(RLIMIT_AS, &limit);
    cr_expect_eq(make_text("small"), small);
    for (unsigned i = 0; i < 1000; i++)
        cr_assert_not_null(make_text(text_of(i)));
}

/* What is longer than any memory is not read, neither for its hash nor to compare it. */
Test(handle, sizes_of_no_memory_are_refused)
{
    static const size_t sizes[] = {(size_t)1 << 48, SIZE_MAX / 2, SIZE_MAX - 16, SIZE_MAX - 1, SIZE_MAX};
    hapax_handle x = make_text("x"), handles[2];
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        errno = 0;
        cr_expect_null(hapax_make_handle(table, "x", sizes[i]));
        cr_expect_eq(errno, ENOMEM);
        errno = 77;
        cr_expect_null(hapax_find_handle(table, "x", sizes[i]));
        cr_expect_eq(errno, 77);
        errno = 0;
        cr_expect_null(hapax_make_handle_hashed(table, "x", sizes[i], hapax_hash(table, "x", sizes[i])));
        cr_expect_eq(errno, ENOMEM);
        hapax_span spans[] = {{"x", 1}, {"x", sizes[i]}};
        errno = 0;
        cr_expect_eq(hapax_make_handles(table, spans, 2, handles), 1);
        cr_expect_eq(errno, ENOMEM);
        cr_expect(handles[0] == x && handles[1] == NULL);
    }
}

/* ---- Mistakes ---- */

static void finalizer(void *object, void *argument)
{
    (void)object;
    (void)argument;
}

#define EXPECT_REFUSED(call)                                                                                          \
    do {                                                                                                              \
        errno = 0;                                                                                                    \
        cr_expect(!(call), #call);                                                                                    \
        cr_expect_eq(errno, EINVAL, #call);                                                                           \
    } while (0)

Test(handle, mistakes_are_refused)
{
    EXPECT_REFUSED(hapax_make_handle(NULL, "x", 1));
    EXPECT_REFUSED(hapax_make_handle(table, NULL, 1));
    EXPECT_REFUSED(hapax_make_handle(NULL, NULL, 0));
    EXPECT_REFUSED(hapax_find_handle(NULL, "x", 1));
    EXPECT_REFUSED(hapax_find_handle(table, NULL, 1));
    EXPECT_REFUSED(hapax_make_handle_hashed(NULL, "x", 1, 0));
    EXPECT_REFUSED(hapax_make_handle_hashed(table, NULL, 1, 0));
    EXPECT_REFUSED(hapax_hash(NULL, "x", 1));
    EXPECT_REFUSED(hapax_hash(table, NULL, 1));
    EXPECT_REFUSED(hapax_intern(NULL));
    EXPECT_REFUSED(hapax_set_finalizer((void *)(uintptr_t)make_text("x"), finalizer, NULL) == 0);
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    cr_expect_leq(stats.live, 1);
}

Test(handle, success_leaves_errno_alone)
{
    hapax_handle held = make_text("held");
    errno = 77;
    make_text("held");
    make_text("new");
    find_text("held");
    find_text("absent");
    hapax_hash(table, "any", 3);
    hapax_intern("any");
    for (unsigned i = 0; i < 5000; i++)
        make_text(text_of(i));
    cr_expect_eq(errno, 77);
    hapax_keep_alive(held);
}

enum mistake {
    MAKE,
    FIND,
    HASHED,
    HASH,
    BATCH,
    BATCH_OF_NOTHING,
    BATCH_NOWHERE,
    INTERN,
    EACH,
    ONCE,
    NEW_TABLE,
    MISTAKES
};
static const char *const functions[] = {
    "hapax_make_handle: ",  "hapax_find_handle: ",  "hapax_make_handle_hashed: ", "hapax_hash: ",
    "hapax_make_handles: ", "hapax_make_handles: ", "hapax_make_handles: ",       "hapax_intern: ",
    "hapax_table_each: ",   "hapax_table_once: ",   "hapax_table_new: ",
};

static void make_mistake(enum mistake mistake)
{
    hapax_span span = {"x", 1};
    hapax_handle handle;
    switch (mistake) {
    case MAKE:
        hapax_make_handle(NULL, "x", 1);
        break;
    case FIND:
        hapax_find_handle(table, NULL, 1);
        break;
    case HASHED:
        hapax_make_handle_hashed(NULL, "x", 1, 0);
        break;
    case HASH:
        hapax_hash(NULL, "x", 1);
        break;
    case BATCH:
        hapax_make_handles(table, &span, 1, NULL);
        break;
    case BATCH_OF_NOTHING:
        hapax_make_handles(table, NULL, 1, &handle);
        break;
    case BATCH_NOWHERE:
        hapax_make_handles(NULL, &span, 1, &handle);
        break;
    case INTERN:
        hapax_intern(NULL);
        break;
    case EACH:
        hapax_table_each(table, NULL, NULL);
        break;
    case ONCE:
        hapax_table_once(NULL, NULL);
        break;
    default:
        hapax_table_new(NULL, 64);
        break;
    }
}

/* What the library writes to standard error. */
static void line_of(bool asked, enum mistake mistake, char *line, size_t size)
{
    char path[] = "/tmp/hapax-errors-XXXXXX";
    int file = mkstemp(path), saved = dup(STDERR_FILENO);
    cr_assert(file >= 0 && saved >= 0);
    if (asked)
        setenv("HAPAX_DEBUG", "something,errors", 1);
    else
        unsetenv("HAPAX_DEBUG");
    fflush(stderr);
    dup2(file, STDERR_FILENO);
    make_mistake(mistake);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    ssize_t length = pread(file, line, size - 1, 0);
    line[length > 0 ? length : 0] = '\0';
    close(file);
    close(saved);
    unlink(path);
}

Test(handle, the_debug_switch_names_function_and_reason)
{
    char line[300];
    for (enum mistake mistake = MAKE; mistake < MISTAKES; mistake++) {
        line_of(true, mistake, line, sizeof line);
        const char *reason = strstr(line, functions[mistake]);
        cr_assert_not_null(reason, "%s instead of %s", line, functions[mistake]);
        cr_expect_gt(strlen(reason), strlen(functions[mistake]) + 10, "%s", line);
        cr_expect_eq(strchr(line, '\n'), line + strlen(line) - 1, "one line");
        line_of(false, mistake, line, sizeof line);
        cr_expect_str_empty(line);
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
