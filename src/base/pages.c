/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/pages.h"

#include "base/address.h"
#include "base/own_pages.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* From here on fewer, larger pages save more in address translation than their zeroing costs. */
#define HUGE_FROM ((size_t)2 << 20)

/* Nobody knows of these yet. */
static void *map(size_t size, int access, int flags)
{
    int before = errno;
    void *start = mmap(NULL, size, access, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
    if (start != MAP_FAILED && unlikely(!address_fits((char *)start + size))) {
        address_refuse((char *)start + size);
        (void)munmap(start, size);
        start = MAP_FAILED;
    }
    errno = before;
    return start == MAP_FAILED ? NULL : start;
}

static void *tell(void *start, size_t size)
{
    if (start != NULL)
        own_pages_add(start, size);
    return start;
}

void *pages_alloc(size_t size)
{
    return tell(map(size, PROT_READ | PROT_WRITE, 0), size);
}

void *pages_alloc_lazily(size_t size)
{
    return tell(map(size, PROT_READ | PROT_WRITE, MAP_NORESERVE), size);
}

bool pages_alloc_once(struct pages_once *once, size_t size, size_t smallest)
{
    /* Acquire: the size is seen, as a thread that came first has set it. */
    if (likely(load_acquire(&once->start) != NULL))
        return true;
    void *start, *none = NULL;
    size_t settled = 0;
    while ((start = pages_alloc_lazily(size)) == NULL && size > smallest)
        size /= 2;
    if (start != NULL && !cas_relaxed(&once->size, &settled, size) && settled != size) {
        pages_free(start, size);
        size = settled;
        start = pages_alloc_lazily(size);
    }
    if (start == NULL) {
        errno = ENOMEM;
        return false;
    }
    if (!cas_acq_rel(&once->start, &none, start))
        pages_free(start, size);
    return true;
}

bool pages_widen(struct pages_once *once, size_t size, size_t used)
{
    void *wide = pages_alloc(size), *old = load_relaxed(&once->start);
    if (wide == NULL)
        return false;
    memcpy(wide, old, used);
    pages_free(old, load_relaxed(&once->size));
    store_relaxed(&once->size, size);
    store_relaxed(&once->start, wide);
    return true;
}

void *pages_reserve(size_t size, size_t alignment)
{
    size_t span = size + alignment;
    char *start = map(span, PROT_NONE, MAP_NORESERVE);
    if (start == NULL)
        return NULL;
    char *aligned = start + (-(uintptr_t)start & (alignment - 1));
    if (aligned > start)
        munmap(start, (size_t)(aligned - start));
    munmap(aligned + size, (size_t)(start + span - (aligned + size)));
    return tell(aligned, size);
}

/* Of the system's pages, which may be larger than PAGE_BYTES. */
static size_t offset_in_page(const char *at)
{
    return (uintptr_t)at & ((size_t)sysconf(_SC_PAGESIZE) - 1);
}

size_t pages_round(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    return (size + page - 1) / page * page;
}

bool pages_commit(void *start, size_t size)
{
    /* What comes before in its first page is usable already, or may be. */
    size_t before = offset_in_page(start);
    start = (char *)start - before;
    size += before;
    int saved = errno;
    bool committed = mprotect(start, size, PROT_READ | PROT_WRITE) == 0;
#ifdef MADV_HUGEPAGE
    if (committed && size >= HUGE_FROM)
        (void)madvise(start, size, MADV_HUGEPAGE);
#endif
    errno = saved;
    return committed;
}

void pages_give_back(void *start, size_t size)
{
    char *from = start, *end = from + size, *first = from, *last = end - offset_in_page(end);
    if (offset_in_page(from) != 0)
        first += (size_t)sysconf(_SC_PAGESIZE) - offset_in_page(from);
    /* The system takes whole pages only, and none that is locked (mlock): the rest is emptied by hand. */
    int before = errno;
    if (first >= last || madvise(first, (size_t)(last - first), MADV_DONTNEED) != 0)
        first = last = end;
    errno = before;
    memset(from, 0, (size_t)(first - from));
    memset(last, 0, (size_t)(end - last));
}

void pages_retire(void *start, size_t size)
{
    char *end = (char *)start + size, *first = start, *last = end - offset_in_page(end);
    if (offset_in_page(first) != 0)
        first += (size_t)sysconf(_SC_PAGESIZE) - offset_in_page(first);
    if (first >= last)
        return;
    /* Fresh pages, all zero, in place of them. Where the system has no more mappings to give, they stay as they are. */
    int before = errno;
    (void)mmap(first, (size_t)(last - first), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
               0);
    errno = before;
}

void pages_free(void *start, size_t size)
{
    own_pages_remove(start, size);
    (void)munmap(start, size);
}
