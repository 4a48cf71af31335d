#include "config.h"

#include "pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

/* From here on fewer, larger pages save more in address translation than their zeroing costs. */
#define HUGE_FROM ((size_t)2 << 20)

void *pages_alloc(size_t size)
{
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

void *pages_alloc_lazily(size_t size)
{
    void *start = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

void *pages_reserve(size_t size, size_t alignment)
{
    size_t span = size + alignment;
    char *start = mmap(NULL, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED)
        return NULL;
    char *aligned = start + (-(uintptr_t)start & (alignment - 1));
    if (aligned > start)
        munmap(start, (size_t)(aligned - start));
    munmap(aligned + size, (size_t)(start + span - (aligned + size)));
    return aligned;
}

bool pages_commit(void *start, size_t size)
{
    if (mprotect(start, size, PROT_READ | PROT_WRITE) != 0) {
        errno = ENOMEM;
        return false;
    }
#ifdef MADV_HUGEPAGE
    if (size >= HUGE_FROM)
        (void)madvise(start, size, MADV_HUGEPAGE);
#endif
    return true;
}

void pages_give_back(void *start, size_t size)
{
    (void)madvise(start, size, MADV_DONTNEED);
}

void pages_free(void *start, size_t size)
{
    (void)munmap(start, size);
}

size_t pages_physical(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
    return pages > 0 && size > 0 ? (size_t)pages * (size_t)size : (size_t)1 << 30;
}
