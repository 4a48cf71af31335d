/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/foreign_pages.h"

#include "base/own_pages.h"
#include "base/pages.h"
#include "collector/collector.h"
#include "runtime/thread.h"
#include "runtime/touched_pages.h"

#include <errno.h>

/* The library's own, in the order of their addresses. */
enum { ROOM = 1 << 16 };
static struct page_range *own;
static size_t own_count, own_next;

/* Where the last free part of the collector's heap ends. */
static uintptr_t free_end;

static bool small_are_tables;   /* parts beside the collector's heap */

/* The collector takes small pieces for its tables between and beside those for its heap, and tells nobody. Of the
 * allocators that are searched in this way none takes so little at once. */
enum { TABLES_BYTES = 512 << 10 };

bool foreign_pages_prepare(void)
{
    if (own == NULL)
        own = pages_alloc_lazily(ROOM * sizeof *own);
    if (own == NULL)
        errno = ENOMEM;
    return own != NULL;
}

void foreign_pages_begin(bool takes_large_parts)
{
    small_are_tables = takes_large_parts;
    own_count = own_pages_list(own, ROOM);
    own_next = 0;
    free_end = 0;
}

/* A part of no heap page: the collector's, if it is small and beside the heap. */
static void visit_between(uintptr_t start, uintptr_t end, bool beside_heap,
                          void (*visit)(uintptr_t start, uintptr_t end))
{
    if (start < end && !(beside_heap && small_are_tables && end - start <= TABLES_BYTES))
        visit(start, end);
}

static void each_outside_heap(uintptr_t start, uintptr_t end, void (*visit)(uintptr_t start, uintptr_t end))
{
    size_t page = touched_page_size();
    uintptr_t from = start;
    bool after_heap = false;
    for (uintptr_t at = start, next; at < end; at = next) {
        next = at + page;
        if (at < free_end)
            next = free_end < end ? free_end : end;
        else if (collector_is_heap((const void *)at))
            free_end = at + collector_free_size((const void *)at);
        else
            continue;
        visit_between(from, at, true, visit);
        from = next;
        after_heap = true;
    }
    visit_between(from, end, after_heap, visit);
}

/* Without the stack whose end lies in this part. */
static void each_outside_stacks(uintptr_t start, uintptr_t end, void (*visit)(uintptr_t start, uintptr_t end))
{
    uintptr_t base = thread_stack_base_in(start, end);
    each_outside_heap(base != 0 ? base : start, end, visit);
}

void foreign_pages_each(uintptr_t start, uintptr_t end, void (*visit)(uintptr_t start, uintptr_t end))
{
    for (; own_next < own_count && own[own_next].start < end; own_next++) {
        const struct page_range *range = &own[own_next];
        if (range->start > start)
            each_outside_stacks(start, range->start, visit);
        if (range->end > start)
            start = range->end;
        if (start >= end)
            return;
    }
    each_outside_stacks(start, end, visit);
}
