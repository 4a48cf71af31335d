/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "explore_pages.h"

#include "base/pages.h"
#include "cleanup/records.h"
#include "explore_fibers.h"
#include "scripted_collector.h"

#include <string.h>

/* Linked with --wrap of these functions. */
enum { PAGES = 256, PAGE = 4096 };
static _Alignas(4096) unsigned char all_pages[PAGES][PAGE];
static unsigned pages_used;

void *__real_pages_reserve(size_t size, size_t alignment);
bool __real_pages_commit(void *start, size_t size);
void __real_pages_free(void *start, size_t size);
void *__wrap_pages_reserve(size_t size, size_t alignment);
bool __wrap_pages_commit(void *start, size_t size);
void __wrap_pages_give_back(void *start, size_t size);
void __wrap_pages_retire(void *start, size_t size);
void __wrap_pages_free(void *start, size_t size);

static bool is_ours(const void *start)
{
    return (uintptr_t)start - (uintptr_t)all_pages < sizeof all_pages;
}

UNWATCHED void *__wrap_pages_reserve(size_t size, size_t alignment)
{
    /* Slabs of records, whose addresses say what they are. */
    if (alignment == RECORD_SLAB_BYTES)
        return __real_pages_reserve(size, alignment);
    unsigned pages = (unsigned)((size + PAGE - 1) / PAGE);
    if (alignment > PAGE || pages_used + pages > PAGES)
        return NULL;
    void *start = all_pages[pages_used];
    pages_used += pages;
    return start;
}

UNWATCHED bool __wrap_pages_commit(void *start, size_t size)
{
    return is_ours(start) ? size <= sizeof all_pages : __real_pages_commit(start, size);
}

UNWATCHED void __wrap_pages_give_back(void *start, size_t size)
{
    memset(start, 0, size);
}

UNWATCHED void __wrap_pages_retire(void *start, size_t size)
{
    memset(start, 0, size);
}

/* A thread that looks there afterwards sees it. */
UNWATCHED void __wrap_pages_free(void *start, size_t size)
{
    if (is_ours(start))
        memset(start, SCRIPT_DEAD, size);
    else
        __real_pages_free(start, size);
}

UNWATCHED void pages_begin_anew(void)
{
    memset(all_pages, 0, (size_t)pages_used * PAGE);
    pages_used = 0;
}
