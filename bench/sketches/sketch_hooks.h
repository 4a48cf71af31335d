/* SPDX-License-Identifier: MIT */
/* A sketch as a peer. */
static const struct value **kept;
static size_t used;

static const char *peer_version(void)
{
    return "sketch";
}

static void peer_start(size_t distinct)
{
    kept = (const struct value **)bench_alloc(distinct * sizeof *kept);
    sketch_start();
}

static inline const struct value *sketch_intern(const void *data, size_t size)
{
    uint64_t hash = XXH3_64bits(data, size);
    struct value *value = sketch_find(hash, data, size);
    if (value != NULL)
        return value;
    value = sketch_value(hash, data, size);
    used++;
    sketch_insert(hash, value);
    return value;
}

static inline void peer_keep(size_t slot, const void *data, size_t size)
{
    kept[slot] = sketch_intern(data, size);
}

static inline uintptr_t peer_touch(const void *data, size_t size)
{
    return (uintptr_t)sketch_intern(data, size);
}

static uintptr_t peer_identity(size_t slot)
{
    return (uintptr_t)kept[slot];
}

static const void *peer_kept(size_t slot, size_t *size)
{
    *size = kept[slot]->size;
    return kept[slot]->bytes;
}

#define PEER_COUNT
static size_t peer_count(void)
{
    return used;
}

static inline uintptr_t thread_touch(const void *data, size_t size)
{
    return (uintptr_t)sketch_find(XXH3_64bits(data, size), data, size);
}

#define PEER_THREADS
#define PEER_THREAD_TOUCH thread_touch
static void peer_enter_thread(void) {}
static void peer_leave_thread(void) {}

#define PEER_NAME SKETCH_NAME
#include "peer.h"
