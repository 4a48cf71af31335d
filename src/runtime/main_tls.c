/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/main_tls.h"

#include "base/sync.h"
#include "runtime/mappings.h"

#include <link.h>
#include <pthread.h>
#include <unistd.h>

/* Written by the main thread; the start last. */
static atomic_word found_start, found_end;

/* Blocks of the loaded objects stand side by side with the thread's own data; room for objects that are loaded later
 * follows. Blocks further away were allocated one by one, by malloc. */
enum { THREAD_BYTES = 2304, LATER_BYTES = 1600, GAP_BYTES = 4096 };

struct area {
    uintptr_t start, end;
    uintptr_t low, high;    /* the mapping around it */
    bool grown;
};

static int add_block(struct dl_phdr_info *object, size_t size, void *data)
{
    struct area *area = data;
    (void)size;
    uintptr_t start = (uintptr_t)object->dlpi_tls_data, end = start;
    for (int i = 0; i < object->dlpi_phnum; i++)
        if (object->dlpi_phdr[i].p_type == PT_TLS)
            end = start + object->dlpi_phdr[i].p_memsz;
    if (start == 0 || end < area->start - GAP_BYTES || start > area->end + GAP_BYTES)
        return 0;
    if (start < area->start) {
        area->start = start;
        area->grown = true;
    }
    if (end > area->end) {
        area->end = end;
        area->grown = true;
    }
    return 0;
}

static void look_around(const struct mapping *mapping, void *data)
{
    struct area *area = data;
    if (area->start - mapping->start < mapping->end - mapping->start) {
        area->low = mapping->start;
        area->high = mapping->end;
    }
}

void main_tls_find(void)
{
    if (gettid() != getpid())
        return;
    char buffer[MAPPINGS_BUFFER_BYTES];
    uintptr_t self = (uintptr_t)pthread_self();
    struct area area = {.start = self, .end = self + THREAD_BYTES};
    if (!mappings_each(buffer, sizeof buffer, look_around, &area) || area.high == 0)
        return;
    /* Until nothing is near that was not before. */
    do {
        area.grown = false;
        dl_iterate_phdr(add_block, &area);
    } while (area.grown);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (area.start - LATER_BYTES) & -page, end = (area.end + LATER_BYTES + page - 1) & -page;
    store_relaxed(&found_end, end < area.high ? end : area.high);
    store_release(&found_start, start > area.low ? start : area.low);   /* release: the end is there */
}

void main_tls_range(uintptr_t *start, uintptr_t *end)
{
    *start = load_acquire(&found_start);    /* acquire: pairs with main_tls_find */
    *end = *start != 0 ? load_relaxed(&found_end) : 0;
}
