#include "config.h"

#include <hapax/memory.h>

#include "runtime/roots.h"

#include "base/refuse.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/counted_set.h"
#include "runtime/place.h"
#include "runtime/thread.h"

#include <errno.h>

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
        return refuse(EINVAL, "hapax_pin", "the pointer leads neither to collected memory nor to static data");
    default:
        break;
    }
    bool added = counted_set_add(&pins, (uintptr_t)base, 0);
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
        return refuse(EINVAL, "hapax_add_roots", "the range goes around the end of the address space");
    return counted_set_add(&ranges, (uintptr_t)start, size) ? 0 : -1;
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

void roots_push(void)
{
    for (size_t i = 0; i < ranges.room; i++)
        if (ranges.rows[i].count != 0)
            collector_push_range((void *)ranges.rows[i].start,
                                 (void *)(ranges.rows[i].start + ranges.rows[i].size));
    /* The rows themselves point to the pinned objects. */
    if (pins.room != 0)
        collector_push_range(pins.rows, pins.rows + pins.room);
}
