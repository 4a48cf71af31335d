/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/touched_pages.h"

#include "runtime/careful_read.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* mincore tells which pages are in memory, at a nanosecond a page. What is not may have been swapped out; pagemap tells
 * that, at eighty. */
enum { WINDOW = 512 };
#define PAGE_TOUCHED ((uint64_t)3 << 62)     /* in memory, or swapped out */

/* From Linux 6.13 on, a page inside a mapping may be a guard (glibc 2.42 puts one at the end of each thread's stack):
 * it counts as in memory, and a thread that reads it gets a signal. */
#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
static enum { UNKNOWN, NO_GUARDS, GUARDS } guards;

static int pagemap = -1;
static size_t page_bytes;
static uintptr_t window, window_end;         /* addresses of pages that `touched` tells of */
static unsigned char touched[WINDOW];
static bool guards_asked;                   /* about those in the window; without, a guard counts as touched */
static bool some_are_guards;                /* of the pages in the window */

size_t touched_page_size(void)
{
    if (page_bytes == 0)
        page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    return page_bytes;
}

static void learn_of_guards(void)
{
    void *page = mmap(NULL, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    guards = madvise(page, page_bytes, MADV_GUARD_INSTALL) == 0 ? GUARDS : NO_GUARDS;
    munmap(page, page_bytes);
}

void touched_pages_begin(void)
{
    int before = errno;
    (void)touched_page_size();
    if (guards == UNKNOWN)
        learn_of_guards();
    pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    window = window_end = 0;
    errno = before;
}

void touched_pages_end(void)
{
    int before = errno;
    if (pagemap >= 0)
        close(pagemap);
    pagemap = -1;
    errno = before;
}

/* Of the pages that are not in memory, those that were touched all the same. Where the system does not tell, all. */
static void ask_pagemap(uintptr_t first, size_t pages)
{
    uint64_t entries[WINDOW];
    size_t bytes = pages * sizeof *entries;
    ssize_t got = pagemap < 0 ? -1 : pread(pagemap, entries, bytes, (off_t)(first / page_bytes * sizeof *entries));
    for (size_t i = 0; i < pages; i++)
        touched[i] = touched[i] || got != (ssize_t)bytes || (entries[i] & PAGE_TOUCHED) != 0;
}

static void load_window(uintptr_t first, uintptr_t end, bool ask_for_guards)
{
    int before = errno;
    size_t pages = (end - first + page_bytes - 1) / page_bytes;
    if (pages > WINDOW)
        pages = WINDOW;
    window = first;
    window_end = first + pages * page_bytes;
    /* Where a part of it is not mapped any more, mincore fails. */
    if (mincore((void *)first, pages * page_bytes, touched) != 0)
        memset(touched, 0, pages);
    for (size_t i = 0; i < pages; i++)
        touched[i] &= 1;
    if (memchr(touched, 0, pages) != NULL)
        ask_pagemap(first, pages);
    guards_asked = ask_for_guards;
    if (ask_for_guards && guards != NO_GUARDS)
        some_are_guards = careful_readable_pages(first, pages, page_bytes, touched);
    errno = before;
}

static bool is_touched(uintptr_t address, uintptr_t end, bool ask_for_guards)
{
    if (address < window || address >= window_end || (ask_for_guards && !guards_asked))
        load_window(address & ~(uintptr_t)(page_bytes - 1), end, ask_for_guards);
    return touched[(address - window) / page_bytes] != 0;
}

bool touched_page(uintptr_t address, uintptr_t end)
{
    return is_touched(address, end, false);
}

bool touched_pages_may_be_guards(void)
{
    return guards != NO_GUARDS;
}

bool touched_page_is_guard(uintptr_t address, uintptr_t end)
{
    return !is_touched(address, end, true) && some_are_guards && !careful_is_readable(address, 1);
}

void touched_pages_each(uintptr_t start, uintptr_t end, bool may_have_guards,
                        void (*visit)(uintptr_t start, uintptr_t end))
{
    uintptr_t run = start, at = start;
    bool in_run = false;
    while (at < end) {
        bool touched_here = is_touched(at, end, may_have_guards);
        if (touched_here && !in_run)
            run = at;
        if (!touched_here && in_run)
            visit(run, at);
        in_run = touched_here;
        at = (at & ~(uintptr_t)(page_bytes - 1)) + page_bytes;
    }
    if (in_run)
        visit(run, end);
}
