/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/malloc_memory.h"

#include "base/pages.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/careful_read.h"
#include "runtime/foreign_pages.h"
#include "runtime/glibc_heap.h"
#include "runtime/main_tls.h"
#include "runtime/mappings.h"
#include "runtime/process_threads.h"
#include "runtime/touched_pages.h"

#include <dlfcn.h>
#include <errno.h>
#include <string.h>

/* The program's malloc. */
static enum { UNKNOWN, GLIBC, LARGE_MAPPINGS } allocator;

enum { MAPPINGS_BYTES = 64 << 10 };
static char *mappings_buffer;

/* ---- Reading ---- */

static memory_visitor *visitor;
static enum memory_owner owner;
static bool all_threads_stopped;

/* What a thread that was not stopped may unmap meanwhile. */
static void visit_carefully(uintptr_t start, uintptr_t end)
{
    size_t page = touched_page_size();
    while (start < end) {
        size_t size = end - start < CAREFUL_WINDOW ? end - start : CAREFUL_WINDOW, got = size;
        const char *copy = careful_window(start, &got);
        visitor(copy, copy + got, start, owner);
        /* From the page on that is not there. */
        start = got == size ? start + size : ((start + got) & ~(uintptr_t)(page - 1)) + page;
    }
}

/* What stays where it is. */
static void visit_directly(uintptr_t start, uintptr_t end)
{
    visitor((const void *)start, (const void *)end, start, owner);
}

static void visit_touched(uintptr_t start, uintptr_t end, bool may_have_guards)
{
    touched_pages_each(start, end, may_have_guards, likely(all_threads_stopped) ? visit_directly : visit_carefully);
}

/* What is glibc's. */
static void visit(uintptr_t start, uintptr_t end)
{
    visit_touched(start, end, false);
}

/* What may be anybody's. */
static void visit_unknown(uintptr_t start, uintptr_t end)
{
    visit_touched(start, end, true);
}

/* Only large parts have pages that nobody has touched. */
enum { SPARSE_FROM = 256 << 10 };

static void visit_used(uintptr_t start, uintptr_t end)
{
    if (end - start >= SPARSE_FROM)
        touched_pages_each(start, end, false, visit_directly);
    else
        visit_directly(start, end);
}

/* ---- With glibc ---- */

/* Where the last heap or chunk ends: a mapping of malloc's may have been split, by mlock(2) or madvise(2). */
static uintptr_t known_end;

static bool read_words(uintptr_t words[4], uintptr_t page)
{
    if (!all_threads_stopped || touched_pages_may_be_guards())
        return careful_copy(words, page, 4 * sizeof *words);
    memcpy(words, (const void *)page, 4 * sizeof *words);
    return true;
}

static enum glibc_memory identify(uintptr_t page, uintptr_t limit)
{
    uintptr_t words[4];
    if (collector_is_heap((const void *)page) || !touched_page(page, limit) || !read_words(words, page))
        return GLIBC_NOTHING;
    return glibc_heap_identify(page, words, &known_end);
}

/* How much of the last heap or chunk there is before the limit. */
static uintptr_t known_part(uintptr_t limit)
{
    return known_end < limit ? known_end : limit;
}

/* What belongs to malloc begins at a page, with a header. */
static void visit_chunks(uintptr_t page, uintptr_t limit)
{
    if (page < known_end) {
        visit(page, known_part(limit));
        page = known_part(limit);
    }
    while (page < limit) {
        uintptr_t next = page + touched_page_size();
        switch (identify(page, limit)) {
        case GLIBC_HEAP:
            next = known_part(limit);
            if (glibc_heap_each_used(page, visit_used))
                known_end = next;
            else
                visit(page, next);
            break;
        case GLIBC_CHUNK:
            next = known_part(limit);
            visit(page, next);
            break;
        default:
            break;
        }
        page = next;
    }
}

static void visit_glibc(const struct mapping *mapping, void *unused)
{
    (void)unused;
    if (mapping->kind == MAPPING_ANONYMOUS)
        visit_chunks(mapping->start, mapping->end);
    else if (mapping->kind == MAPPING_BREAK && !glibc_heap_each_used_of_main(mapping->start, mapping->end, visit_used))
        visit(mapping->start, mapping->end);
}

/* ---- With another malloc, or where brk cannot grow ---- */

static void visit_foreign(const struct mapping *mapping, void *unused)
{
    (void)unused;
    if (mapping->kind == MAPPING_ANONYMOUS || mapping->kind == MAPPING_BREAK)
        foreign_pages_each(mapping->start, mapping->end, visit_unknown);
}

/* ---- What the program has mapped ---- */

/* Behind a guard there is a stack, dead or alive; what lies behind that may be in the same mapping, and is left out
 * too. */
static bool behind_guard;

static void visit_between_chunks(uintptr_t page, uintptr_t limit)
{
    if (page < known_end)
        page = known_part(limit);
    while (page < limit && !(behind_guard = behind_guard || touched_page_is_guard(page, limit))) {
        uintptr_t next = page + touched_page_size();
        if (identify(page, limit) != GLIBC_NOTHING)
            next = known_part(limit);
        else
            visit_unknown(page, next);
        page = next;
    }
}

static void visit_mapped(const struct mapping *mapping, void *unused)
{
    (void)unused;
    behind_guard = mapping->is_guarded;
    /* Static data is the collector's own, ours, or searched anyway. */
    if (mapping->kind == MAPPING_ANONYMOUS && !mapping->follows_file)
        foreign_pages_each(mapping->start, mapping->end, visit_between_chunks);
}

/* ---- All of it ---- */

static void visit_main_tls(void)
{
    uintptr_t page, end;
    main_tls_range(&page, &end);
    for (; page < end; page += touched_page_size())
        if (!collector_is_heap((const void *)page))
            visit_directly(page, page + touched_page_size());
}

static bool each(memory_visitor *visit_each, void (*visit_mapping)(const struct mapping *mapping, void *unused))
{
    visitor = visit_each;
    known_end = 0;
    all_threads_stopped = process_threads_all_known();
    if (!all_threads_stopped && !careful_begin())
        return false;
    touched_pages_begin();
    bool whole = mappings_each(mappings_buffer, MAPPINGS_BYTES, visit_mapping, NULL);
    touched_pages_end();
    if (!all_threads_stopped)
        careful_end();
    return whole;
}

bool malloc_memory_each(memory_visitor *visit_each, bool certain)
{
    visitor = visit_each;
    owner = OWNED_BY_MAIN_TLS;
    visit_main_tls();
    owner = OWNED_BY_MALLOC;
    if (allocator == GLIBC) {
        glibc_heap_begin(certain);
        if (likely(glibc_heap_is_contiguous()))
            return each(visit_each, visit_glibc);
        /* Some of its mappings look like anybody's. */
    }
    foreign_pages_begin(allocator != GLIBC);
    return each(visit_each, visit_foreign);
}

bool malloc_memory_each_mapped(memory_visitor *visit_each)
{
    owner = OWNED_BY_PROGRAM;
    /* Otherwise there is no telling. */
    if (allocator != GLIBC || !glibc_heap_is_contiguous())
        return true;
    foreign_pages_begin(true);
    return each(visit_each, visit_mapped);
}

/* ---- Getting ready ---- */

/* Allocators that take a megabyte or more at a time, by a function that each of them has. */
static bool takes_large_mappings(void)
{
    static const char *const functions[] = {"mallctl", "mi_version", "tc_version"};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (dlsym(RTLD_DEFAULT, functions[i]) != NULL)
            return true;
    return false;
}

bool malloc_memory_recognize(void)
{
    allocator = glibc_heap_recognize() ? GLIBC : takes_large_mappings() ? LARGE_MAPPINGS : UNKNOWN;
    return allocator != UNKNOWN;
}

bool malloc_memory_prepare(void)
{
    if (mappings_buffer == NULL)
        mappings_buffer = pages_alloc(MAPPINGS_BYTES);
    if (mappings_buffer == NULL)
        errno = ENOMEM;
    return mappings_buffer != NULL && careful_prepare() && foreign_pages_prepare();
}

void malloc_memory_tidy_up(void)
{
    if (allocator == GLIBC)
        glibc_heap_tidy_up();
}

void malloc_memory_fork_child(void)
{
    process_threads_fork_child();
}
