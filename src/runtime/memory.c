/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/memory.h>

#include "base/refuse.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/roots.h"
#include "runtime/thread.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

void *hapax_alloc(size_t size)
{
    if (thread_enter() == NULL)
        return NULL;
    void *object = collector_alloc_scanned(size > 0 ? size : 1);
    if (object == NULL)
        errno = ENOMEM;
    return object;
}

/* One byte more than the program asks for: a pointer one past the end still points into this object. */
static bool plain_bytes(size_t size, size_t *bytes)
{
    *bytes = size + 1;
    if (size <= SIZE_MAX - COLLECTOR_GRANULE)
        return true;
    errno = ENOMEM;
    return false;
}

void *hapax_alloc_plain(size_t size)
{
    struct thread *self = thread_enter();
    size_t bytes;
    if (self == NULL || !plain_bytes(size, &bytes))
        return NULL;
    void *object = thread_alloc_plain(self, bytes);
    /* The whole object, so that hapax_realloc finds zeroes behind what the program asked for. */
    if (object != NULL)
        memset(object, 0, collector_size(object));
    return object;
}

void *hapax_alloc_held(size_t size)
{
    void *block = hapax_alloc(size);
    return block != NULL && hapax_pin(block) == 0 ? block : NULL;
}

void hapax_free(void *held)
{
    if (held == NULL || thread_enter() == NULL)
        return;
    if (collector_base(held) == held && roots_pins(held) > 0) {
        hapax_unpin(held);
        return;
    }
    int before = errno;
    refuse(EINVAL, "hapax_free", "the block is not held");
    errno = before;
}

/* ---- Other sizes ---- */

/* Moves the pins of one object to another; false with ENOMEM. */
static bool move_pins(const void *from, const void *to)
{
    size_t pins = roots_pins(from);
    for (size_t i = 0; i < pins; i++) {
        if (hapax_pin(to) == 0)
            continue;
        while (i-- > 0)
            hapax_unpin(to);
        return false;
    }
    for (size_t i = 0; i < pins; i++)
        hapax_unpin(from);
    return true;
}

static void *move(void *block, size_t old_size, size_t size, bool is_plain)
{
    void *moved = is_plain ? hapax_alloc_plain(size) : hapax_alloc(size);
    if (moved == NULL || !move_pins(block, moved))
        return NULL;
    memcpy(moved, block, old_size < size ? old_size : size);
    if (!is_plain)
        collector_wrote(moved);
    return moved;
}

/* A block of at most this size stays where it is as it shrinks. */
enum { SMALL = 256 };

void *hapax_realloc(void *block, size_t size)
{
    if (block == NULL)
        return hapax_alloc(size);
    if (thread_enter() == NULL)
        return NULL;
    if (collector_base(block) != block) {
        refuse(EINVAL, "hapax_realloc", "the block is not the first byte of a collected object");
        return NULL;
    }
    size_t bytes, room = collector_size(block);
    if (!plain_bytes(size, &bytes))
        return NULL;
    bool stays = bytes <= room && (room <= SMALL || bytes > room / 2);
    if (stays)
        /* Behind its bytes an object is zero: they are zero again if it grows. */
        memset((char *)block + size, 0, room - size);
    void *result = stays ? block : move(block, room, size, collector_scan_size(block) == 0);
    keep_reachable(block);
    return result;
}
