/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/memory.h>

#include "runtime/roots.h"

#include "base/refuse.h"
#include "base/say.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/careful_read.h"
#include "runtime/counted_set.h"
#include "runtime/place.h"
#include "runtime/thread.h"

#include <errno.h>
#include <stdlib.h>

static struct counted_set pins, ranges;

int hapax_pin(const void *pointer)
{
    if (thread_enter() == NULL)
        return -1;
    if (pointer == NULL)
        return refuse(EINVAL, "hapax_pin", "the pointer is NULL");
    void *base;
    switch (memory_place(pointer, &base)) {
    case MEMORY_STATIC:
        return 0;
    case MEMORY_FOREIGN:
        return refuse(EINVAL, "hapax_pin", "the pointer points neither to collected memory nor to static data");
    default:
        break;
    }
    bool added = counted_set_add(&pins, (uintptr_t)base, 0, NULL);
    keep_reachable(pointer);
    return added ? 0 : -1;
}

void hapax_unpin(const void *pointer)
{
    if (pointer == NULL || thread_enter() == NULL)
        return;
    void *base = collector_base(pointer);
    if (base == NULL)
        return;
    if (!counted_set_remove(&pins, (uintptr_t)base, 0)) {
        int saved = errno;
        refuse(EINVAL, "hapax_unpin", "the object is not pinned");
        errno = saved;
    }
}

size_t roots_pins(const void *base)
{
    return counted_set_count(&pins, (uintptr_t)base, 0);
}

int hapax_add_roots(const void *start, size_t size)
{
    if (thread_enter() == NULL)
        return -1;
    if (start == NULL)
        return refuse(EINVAL, "hapax_add_roots", "the range begins at NULL");
    if ((uintptr_t)start + size < (uintptr_t)start)
        return refuse(EINVAL, "hapax_add_roots", "the range goes beyond the end of the address space");
    return counted_set_add(&ranges, (uintptr_t)start, size, __builtin_return_address(0)) ? 0 : -1;
}

void hapax_remove_roots(const void *start, size_t size)
{
    if (start == NULL || thread_enter() == NULL)
        return;
    if (!counted_set_remove(&ranges, (uintptr_t)start, size)) {
        int saved = errno;
        refuse(EINVAL, "hapax_remove_roots", "no range with this start and size was added");
        errno = saved;
    }
}

/* A range whose memory is gone, found by the collection that runs; a size of 0: none. */
static struct counted_range gone;

static void push_range(const struct counted_range *range)
{
    if (careful_is_readable(range->start, range->size))
        collector_push_range((void *)range->start, (void *)(range->start + range->size));
    else
        gone = *range;
}

void roots_push(void)
{
    for (size_t i = 0; i < ranges.room; i++)
        if (ranges.rows[i].count != 0)
            push_range(&ranges.rows[i]);
    /* The rows themselves point to the pinned objects. */
    if (pins.room != 0)
        collector_push_range(pins.rows, pins.rows + pins.room);
}

void (*roots_describe_site)(const void *address, char *text, size_t size);

void roots_reclaim_end(void)
{
    if (likely(gone.size == 0))
        return;
    char site[500] = "a place that cannot be named";
    if (roots_describe_site != NULL)
        roots_describe_site(gone.site, site, sizeof site);
    say("the root range of %zu bytes at %p, added in %s, is no longer mapped: call hapax_remove_roots "
        "before you free or move its memory",
        gone.size, (void *)gone.start, site);
    abort();
}
