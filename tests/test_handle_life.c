/* SPDX-License-Identifier: MIT */
/* Handles of byte strings: what keeps them alive, and their death. */
#include "config.h"

#include "handle_texts.h"

#include <criterion/criterion.h>
#include <stdio.h>

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

/* No handle dies amid these: bdwgc would free the record of its link, and an older copy of its table of links, if a
 * stale word leads there, would hold whatever comes to lie where the record was. */
static NOINLINE void link_to_handles(void **links, unsigned n)
{
    GC_disable();
    for (unsigned i = 0; i < n; i++) {
        hapax_handle handle = make_text(text_of(i));
        links[i] = (void *)(uintptr_t)handle;
        cr_assert_eq(GC_general_register_disappearing_link(&links[i], handle), GC_SUCCESS);
    }
    GC_enable();
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
