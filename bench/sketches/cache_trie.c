/* SPDX-License-Identifier: MIT */
/* As Prokopec's cache-tries (PPoPP 2018): a trie of sixteen-way nodes over single entries, and beside it a cache, an
   array with a pointer for each prefix of the hash at the level where most entries are, so that a lookup jumps over the
   upper levels. Here the cache is always full, which is better than the paper's can be. */
#include "sketch.h"

struct node {
    uintptr_t children[16];   /* 0, a node, or a value with bit 0 set */
};

static uintptr_t *cache;       /* what stands at this prefix of cache_bits bits: as a child */
static unsigned cache_bits = 8;
static size_t entries;

static void *take(size_t size)
{
    static char *run;
    static size_t left;
    if (size > left) {
        left = 1 << 20;
        run = sketch_must(aligned_alloc(64, left));
    }
    void *memory = run;
    run += size;
    left -= size;
    memset(memory, 0, size);
    return memory;
}

static void sketch_start(void)
{
    cache = sketch_must(calloc((size_t)1 << cache_bits, sizeof *cache));
}

static inline struct value *sketch_find(uint64_t hash, const void *data, size_t size)
{
    uintptr_t child = cache[hash & (((uint64_t)1 << cache_bits) - 1)];
    for (unsigned shift = cache_bits; child != 0; shift += 4) {
        if (child & 1) {
            struct value *value = (struct value *)(child - 1);
            return value->hash == hash && sketch_equal(value, data, size) ? value : NULL;
        }
        child = ((const struct node *)child)->children[hash >> shift & 15];
    }
    return NULL;
}

static void put(uintptr_t *child, unsigned shift, struct value *value)
{
    while (*child != 0) {
        if (*child & 1) {
            const struct value *other = (const struct value *)(*child - 1);
            struct node *deeper = take(sizeof *deeper);
            deeper->children[other->hash >> shift & 15] = *child;
            *child = (uintptr_t)deeper;
        }
        child = &((struct node *)*child)->children[value->hash >> shift & 15];
        shift += 4;
    }
    *child = (uintptr_t)value | 1;
}

/* Four levels' worth of nodes become part of the cache. */
static void widen(void)
{
    size_t old = (size_t)1 << cache_bits;
    uintptr_t *wide = sketch_must(calloc(old * 16, sizeof *wide));
    for (size_t i = 0; i < old; i++) {
        if (cache[i] == 0)
            continue;
        if (cache[i] & 1) {
            const struct value *value = (const struct value *)(cache[i] - 1);
            wide[value->hash & (old * 16 - 1)] = cache[i];
        } else {
            for (size_t j = 0; j < 16; j++)
                wide[j << cache_bits | i] = ((const struct node *)cache[i])->children[j];
        }
    }
    free(cache);
    cache = wide;
    cache_bits += 4;
}

static void sketch_insert(uint64_t hash, struct value *value)
{
    if (++entries > (size_t)4 << cache_bits)
        widen();
    put(&cache[hash & (((uint64_t)1 << cache_bits) - 1)], cache_bits, value);
}

#define SKETCH_NAME "sketch, cache-trie"
#include "sketch_hooks.h"
