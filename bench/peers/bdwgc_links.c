/* SPDX-License-Identifier: MIT */
/* What bdwgc offers out of the box: a chained hash table under a mutex whose
   entries hold their values through disappearing links, and a finalizer on each
   value that takes its entry out.

   Finalizers run on demand, before an insertion and outside the mutex: run by
   whatever allocation comes next, they would meet the mutex in the hands of their
   own thread. The hash is XXH3, as the limit's. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#define XXH_INLINE_ALL
#include <xxhash.h>

#define GC_THREADS
#include <gc/gc.h>

#include "harness.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEER_NAME "bdwgc"

struct value {
    uint64_t hash;
    size_t size;
    char bytes[];
};

/* In malloc memory: what it points at is not kept alive by it. */
struct entry {
    struct entry *next;
    uint64_t hash;
    void *value; /* a disappearing link: NULL once the value died */
};

/* Protects everything below, and the entries. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct entry **buckets; /* malloc memory */
static size_t bucket_mask;
static size_t entry_count;

/* Collected memory; static, so that the collector finds it. */
static struct value **kept;

static void *must(void *memory)
{
    if (memory == NULL) {
        perror("bdwgc");
        exit(2);
    }
    return memory;
}

static void grow(void)
{
    size_t old_count = bucket_mask + 1;
    struct entry **old = buckets;
    bucket_mask = old_count * 2 - 1;
    buckets = (struct entry **)must(calloc(old_count * 2, sizeof *buckets));
    for (size_t i = 0; i < old_count; ++i) {
        for (struct entry *entry = old[i], *next; entry != NULL; entry = next) {
            next = entry->next;
            entry->next = buckets[entry->hash & bucket_mask];
            buckets[entry->hash & bucket_mask] = entry;
        }
    }
    free(old);
}

/* A finalizer: the value is dead, and its link has been cleared already. */
static void remove_entry(void *object, void *client_data)
{
    const struct value *value = (const struct value *)object;
    struct entry *dead = (struct entry *)client_data;
    pthread_mutex_lock(&mutex);
    struct entry **at = &buckets[value->hash & bucket_mask];
    while (*at != dead)
        at = &(*at)->next;
    *at = dead->next;
    --entry_count;
    pthread_mutex_unlock(&mutex);
    free(dead);
}

/* Reading a link needs the allocator's lock: without it, a collection between
   the load and the use could free what was loaded. */
static void *read_link(void *entry)
{
    return ((struct entry *)entry)->value;
}

static struct value *find_locked(uint64_t hash, const void *data, size_t size)
{
    for (struct entry *entry = buckets[hash & bucket_mask]; entry != NULL; entry = entry->next) {
        if (entry->hash != hash)
            continue;
        struct value *value = (struct value *)GC_call_with_alloc_lock(read_link, entry);
        if (value != NULL && value->size == size && memcmp(value->bytes, data, size) == 0)
            return value;
    }
    return NULL;
}

static void add_locked(struct value *value)
{
    struct entry *entry = (struct entry *)must(malloc(sizeof *entry));
    struct entry **bucket = &buckets[value->hash & bucket_mask];
    entry->hash = value->hash;
    entry->value = value;
    entry->next = *bucket;
    *bucket = entry;
    GC_general_register_disappearing_link(&entry->value, value);
    GC_register_finalizer_no_order(value, remove_entry, entry, NULL, NULL);
    if (++entry_count > bucket_mask)
        grow();
}

static struct value *insert(uint64_t hash, const void *data, size_t size)
{
    if (GC_should_invoke_finalizers())
        GC_invoke_finalizers();
    struct value *fresh = (struct value *)must(GC_MALLOC_ATOMIC(sizeof *fresh + size + 1));
    fresh->hash = hash;
    fresh->size = size;
    memcpy(fresh->bytes, data, size);
    fresh->bytes[size] = '\0';

    pthread_mutex_lock(&mutex);
    struct value *value = find_locked(hash, data, size);
    if (value == NULL)
        add_locked(value = fresh);
    pthread_mutex_unlock(&mutex);
    return value;
}

static inline struct value *intern(const void *data, size_t size)
{
    uint64_t hash = XXH3_64bits(data, size);
    pthread_mutex_lock(&mutex);
    struct value *value = find_locked(hash, data, size);
    pthread_mutex_unlock(&mutex);
    return value != NULL ? value : insert(hash, data, size);
}

/* ---- The peer's hooks --------------------------------------------------- */

static const char *peer_version(void)
{
    static char text[64];
    unsigned version = GC_get_version();
    snprintf(text, sizeof text, "bdwgc %u.%u.%u", version >> 16, version >> 8 & 0xff, version & 0xff);
    return text;
}

static void peer_start(size_t distinct)
{
    enum { FIRST_BUCKETS = 1024 };
    GC_INIT();
    GC_allow_register_threads();
    GC_set_finalize_on_demand(1);
    bucket_mask = FIRST_BUCKETS - 1;
    buckets = (struct entry **)must(calloc(FIRST_BUCKETS, sizeof *buckets));
    kept = (struct value **)must(GC_MALLOC(distinct * sizeof *kept));
    memset(kept, 0, distinct * sizeof *kept);
}

static inline void peer_keep(size_t slot, const void *data, size_t size)
{
    kept[slot] = intern(data, size);
}

static inline uintptr_t peer_touch(const void *data, size_t size)
{
    return (uintptr_t)intern(data, size);
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
    return entry_count;
}

#define PEER_HEAP_BYTES
static size_t peer_heap_bytes(void)
{
    return GC_get_heap_size() - GC_get_free_bytes() + bench_malloc_bytes();
}

#define PEER_THREADS
static void peer_enter_thread(void)
{
    struct GC_stack_base base;
    if (GC_get_stack_base(&base) == GC_SUCCESS)
        GC_register_my_thread(&base);
}

static void peer_leave_thread(void)
{
    GC_unregister_my_thread();
}

#define PEER_COLLECT
static void peer_collect(void)
{
    GC_gcollect();
}

static size_t peer_values_left(void)
{
    return entry_count;
}

/* A finalized value is freed by the collection after the one that found it dead:
   collect until the heap in use no longer shrinks. */
#define PEER_RECLAIM
#define PEER_RECLAIM_LEFT 0.001
static unsigned peer_drop_all(size_t distinct)
{
    enum { MOST_COLLECTIONS = 10 };
    unsigned collections = 0;
    memset(kept, 0, distinct * sizeof *kept);
    size_t before, after = peer_heap_bytes();
    do {
        before = after;
        GC_gcollect();
        GC_invoke_finalizers();
        after = peer_heap_bytes();
        ++collections;
    } while (collections < MOST_COLLECTIONS && after < before - before / 100);
    return collections - 1; /* the last one only showed that nothing was left to free */
}

#define PEER_CHURN

#include "peer.h"
