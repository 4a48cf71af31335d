/* SPDX-License-Identifier: MIT */
/* What the sketches share: values in an arena behind a hash and a size, and the peer's hooks. A sketch is one layout of
   the table alone: one thread inserts, nothing is reclaimed, W4 reads. It defines

     sketch_find(hash, data, size)     the value, or NULL
     sketch_insert(hash, value)        a value that is not there yet
     SKETCH_NAME

   then includes "sketch_hooks.h". */
#ifndef BENCH_SKETCH_H
#define BENCH_SKETCH_H

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "harness.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct value {
    uint64_t hash;
    uint16_t size;
    char bytes[];
};

static inline void *sketch_must(void *memory)
{
    if (memory == NULL) {
        perror("sketch");
        exit(2);
    }
    return memory;
}

static inline void *sketch_lines(size_t count)
{
    void *lines = sketch_must(aligned_alloc(64, count * 64));
    memset(lines, 0, count * 64);
    return lines;
}

/* In runs, in the order of their coming, aligned as a collector aligns. */
static inline struct value *sketch_value(uint64_t hash, const void *data, size_t size)
{
    static char *run;
    static size_t left;
    size_t need = (sizeof(struct value) + size + 1 + 15) & ~(size_t)15;
    if (need > left) {
        left = need > 1 << 20 ? need : 1 << 20;
        run = sketch_must(aligned_alloc(16, (left + 15) & ~(size_t)15));
    }
    struct value *value = (struct value *)run;
    run += need;
    left -= need;
    value->hash = hash;
    value->size = (uint16_t)size;
    memcpy(value->bytes, data, size);
    return value;
}

static inline bool sketch_equal(const struct value *value, const void *data, size_t size)
{
    return value->size == size && memcmp(value->bytes, data, size) == 0;
}

#endif
