/* SPDX-License-Identifier: MIT */
/* The bare heap of W11: the allocations of an interner on bdwgc, without one. A
   hit reads a held object that its number leads to; a new value is an object that
   is dropped at once. So its stops are the collector's alone. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "harness.h"

#include <gc/gc.h>

#include <stdlib.h>
#include <string.h>

#define PEER_NAME "bare"

/* What hapax allocates for a value of BENCH_FRESH_SIZE bytes, its hash and size included. */
enum { OBJECT_BYTES = 48 };

/* Static, so that the collector finds it without looking at any stack. */
static char **kept;

static void *allocate(size_t bytes)
{
    void *memory = GC_MALLOC_ATOMIC(bytes);
    if (memory == NULL)
        abort();
    return memory;
}

static void peer_start(size_t count)
{
    GC_INIT();
    kept = (char **)GC_MALLOC(count * sizeof *kept);
    if (kept == NULL)
        abort();
}

static void peer_keep(size_t slot, const void *data, size_t size)
{
    kept[slot] = (char *)memcpy(allocate(OBJECT_BYTES), data, size);
}

/* The text of a held value ends with its slot. */
static uintptr_t peer_touch(const void *data, size_t size)
{
    const char *text = (const char *)data;
    if (text[0] != 'h')
        return (uintptr_t)memcpy(allocate(OBJECT_BYTES), data, size);
    size_t slot = 0;
    for (const char *digit = text + 4; digit < text + size; ++digit)
        slot = slot * 10 + (size_t)(*digit - '0');
    return (uintptr_t)memcmp(kept[slot], data, size);
}

#define PEER_STOPS
#include "latency.h"

int main(int argc, char **argv)
{
    struct bench_options options;
    bench_parse_options(argc, argv, &options);
    latency_run(options.held_values, options.seconds);
    return bench_status();
}
