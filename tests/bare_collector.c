/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "bare_collector.h"

#include "collector/collector.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void (*bare_wait)(void);
unsigned bare_waits, bare_collections;
bool bare_out_of_memory;

static char *reserved;
static size_t reserved_bytes, reserved_in_all;

void bare_reserve(size_t bytes)
{
    reserved = aligned_alloc(4096, bytes);
    if (reserved == NULL)
        abort();
    memset(reserved, 0, bytes);
    reserved_bytes = reserved_in_all = bytes;
}

static void *zeroed(size_t size)
{
    if (bare_out_of_memory)
        return NULL;
    size = (size + 4095) / 4096 * 4096;
    if (size <= reserved_bytes) {
        reserved_bytes -= size;
        return reserved + reserved_bytes;
    }
    void *block = aligned_alloc(4096, size);
    if (block != NULL)
        memset(block, 0, size);
    return block;
}

struct bare_object *bare_objects(size_t n)
{
    struct bare_object *objects = zeroed(n * sizeof *objects);
    for (size_t i = 0; i < n; i++)
        objects[i].marked = true;
    return objects;
}

void *collector_alloc_scanned(size_t size)
{
    return zeroed(size);
}

void *collector_alloc_plain(size_t size)
{
    return zeroed(size);
}

void *collector_alloc_root(size_t size)
{
    return zeroed(size);
}

void collector_free_root(void *block)
{
    if ((uintptr_t)block - (uintptr_t)reserved >= reserved_in_all)
        free(block);
}

void collector_mark(const void *base)
{
    (void)base;
}

void collector_wrote(const void *object)
{
    (void)object;
}

bool collector_is_marked(const void *base)
{
    return ((const struct bare_object *)base)->marked;
}

bool collector_lives(const void *base)
{
    return collector_is_marked(base);
}

size_t collector_find_unmarked(atomic_word *words, size_t count, uint16_t *indices)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (load_relaxed(&words[i]) >= COLLECTOR_GRANULE && !collector_is_marked((const void *)load_relaxed(&words[i])))
            indices[found++] = (uint16_t)i;
    return found;
}

bool collector_survived(const void *base)
{
    const struct bare_object *object = base;
    return object->marked || object->survives;
}

void collector_wait(void)
{
    bare_waits++;
    if (bare_wait == NULL) {
        fputs("collector_wait: no collection runs\n", stderr);
        abort();
    }
    bare_wait();
}

void collector_exclude(void (*function)(void *), void *argument)
{
    function(argument);
}

void collector_collect(void)
{
    bare_collections++;
}

void collector_collect_early(void)
{
    collector_collect();
}

void collector_collect_or_step(void)
{
    collector_collect();
}
