/* SPDX-License-Identifier: MIT */
/*
 * way_glib.c - the ways of GLib: strings that count their uses, and an arena that frees nothing.
 *
 * Both take strings that end with NUL: of a value with a NUL in it they keep the beginning.
 */
#include "config.h"

#include "stat/measure/way.h"

#ifdef HAVE_GLIB

#include "stat/measure/memory_use.h"

#include <glib.h>

static uint64_t before;

static void start(const void **pointers, size_t count)
{
    (void)pointers;
    (void)count;
    before = malloc_bytes();
}

static void enter_thread(void)
{
}

static uint64_t heap_bytes(const void *const *pointers, size_t count)
{
    (void)pointers;
    (void)count;
    uint64_t now = malloc_bytes();
    return now > before ? now - before : 0;
}

static const void *keep_counted(const char *data, size_t size)
{
    (void)size;
    return g_ref_string_new_intern(data);
}

/* The arena has no lock of its own. */
enum { ARENA_BLOCK = 1 << 16 };
static GStringChunk *arena;
static GMutex arena_lock;

static void start_arena(const void **pointers, size_t count)
{
    arena = g_string_chunk_new(ARENA_BLOCK);
    start(pointers, count);
}

static const void *keep_in_arena(const char *data, size_t size)
{
    (void)size;
    g_mutex_lock(&arena_lock);
    const char *kept = g_string_chunk_insert_const(arena, data);
    g_mutex_unlock(&arena_lock);
    return kept;
}

static const struct way counted = { "counted", start, enter_thread, keep_counted, heap_bytes, 0 };
static const struct way in_arena = { "arena", start_arena, enter_thread, keep_in_arena, heap_bytes,
                                     0 };
const struct way *const way_glib_counted = &counted;
const struct way *const way_glib_arena = &in_arena;

#else
const struct way *const way_glib_counted = NULL;
const struct way *const way_glib_arena = NULL;
#endif
