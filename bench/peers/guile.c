/* SPDX-License-Identifier: MIT */
/* Guile's symbols: a weak set on bdwgc under a lock, through Guile's own C
   interface, without a string object for each lookup. */

#include <libguile.h>

#define GC_THREADS
#include <gc/gc.h>

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEER_NAME "guile"

/* Collected memory; static, so that the collector finds it. */
static SCM *kept;

static const char *peer_version(void)
{
    static char text[128];
    char *version = scm_to_utf8_string(scm_version());
    unsigned collector = GC_get_version();
    snprintf(text, sizeof text, "Guile %s, bdwgc %u.%u.%u", version, collector >> 16, collector >> 8 & 0xff,
             collector & 0xff);
    free(version);
    return text;
}

static void peer_start(size_t distinct)
{
    scm_init_guile();
    kept = (SCM *)scm_gc_calloc(distinct * sizeof *kept, "kept");
    memset(kept, 0, distinct * sizeof *kept);
}

static inline SCM intern(const void *data, size_t size)
{
    return scm_from_utf8_symboln((const char *)data, size);
}

static inline void peer_keep(size_t slot, const void *data, size_t size)
{
    kept[slot] = intern(data, size);
}

static inline uintptr_t peer_touch(const void *data, size_t size)
{
    return (uintptr_t)SCM_UNPACK(intern(data, size));
}

static uintptr_t peer_identity(size_t slot)
{
    return (uintptr_t)SCM_UNPACK(kept[slot]);
}

/* Valid until the next call. */
static const void *peer_kept(size_t slot, size_t *size)
{
    static char *text;
    free(text);
    text = scm_to_utf8_stringn(scm_symbol_to_string(kept[slot]), size);
    return text;
}

#define PEER_HEAP_BYTES
static size_t peer_heap_bytes(void)
{
    return GC_get_heap_size() - GC_get_free_bytes() + bench_malloc_bytes();
}

#define PEER_THREADS
static void peer_enter_thread(void)
{
    scm_init_guile();
}

static void peer_leave_thread(void) {}

#define PEER_COLLECT
static void peer_collect(void)
{
    scm_gc();
}

/* The symbol table cannot be asked how many it holds; the heap is what tells. */
static size_t peer_values_left(void)
{
    return 0;
}

#define PEER_RECLAIM
static unsigned peer_drop_all(size_t distinct)
{
    enum { MOST_COLLECTIONS = 10 };
    unsigned collections = 0;
    memset(kept, 0, distinct * sizeof *kept);
    size_t before, after = peer_heap_bytes();
    do {
        before = after;
        scm_gc();
        after = peer_heap_bytes();
        ++collections;
    } while (collections < MOST_COLLECTIONS && after < before - before / 100);
    return collections - 1; /* the last one only showed that nothing was left to free */
}

#define PEER_CHURN

#include "peer.h"
