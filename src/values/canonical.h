/* SPDX-License-Identifier: MIT */
/* A canonical value: one collected object, whose address is the handle.
 *
 *     byte strings up to SHORT_MAX bytes      others
 *      0  hash                                 0  hash
 *      8  size                                 8  WIDE
 *     10  the bytes, and a NUL                10  size, 48 bits
 *                                             16  the value, aligned as max_align_t; strings with a NUL
 *
 * The object is at least a byte longer than that, so that a pointer one past the value leads to no neighbour. */
#ifndef HAPAX_CANONICAL_H
#define HAPAX_CANONICAL_H

#include "trie/trie.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

struct hapax_canonical {
    struct trie_object in_trie;     /* the hash */
    uint16_t short_size;
    uint16_t wide_high;             /* of a wide one, its size */
    uint32_t wide_low;
};

enum {
    WIDE = 0xffff,
    SHORT_MAX = WIDE - 1,
    SHORT_VALUE = 10,
    WIDE_VALUE = 16,
};
static_assert(sizeof(struct hapax_canonical) == WIDE_VALUE, "the value of a wide one follows its header");
static_assert(WIDE_VALUE % alignof(max_align_t) == 0, "the value of a wide one is aligned");

static inline bool canonical_is_short(const struct hapax_canonical *canonical)
{
    return canonical->short_size != WIDE;
}

static inline const void *canonical_value(const struct hapax_canonical *canonical)
{
    return (const char *)canonical + (canonical_is_short(canonical) ? SHORT_VALUE : WIDE_VALUE);
}

static inline size_t canonical_size(const struct hapax_canonical *canonical)
{
    return canonical_is_short(canonical) ? canonical->short_size
                                         : (size_t)canonical->wide_high << 32 | canonical->wide_low;
}

/* Writes the header; answers where the value goes. */
static inline void *canonical_begin(struct hapax_canonical *canonical, uint64_t hash, size_t size, bool is_short)
{
    canonical->in_trie.hash = hash;
    canonical->short_size = is_short ? (uint16_t)size : WIDE;
    if (!is_short) {
        canonical->wide_high = (uint16_t)(size >> 32);
        canonical->wide_low = (uint32_t)size;
    }
    return (char *)canonical + (is_short ? SHORT_VALUE : WIDE_VALUE);
}

/* memcpy for the same values, likewise. */
static inline void copy_bytes(char *to, const char *from, size_t size)
{
    uint64_t first, last, second, before_last;
    if (size > 32) {
        memcpy(to, from, size);
    } else if (size >= 16) {
        memcpy(&first, from, 8);
        memcpy(&second, from + 8, 8);
        memcpy(&before_last, from + size - 16, 8);
        memcpy(&last, from + size - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + 8, &second, 8);
        memcpy(to + size - 16, &before_last, 8);
        memcpy(to + size - 8, &last, 8);
    } else if (size >= 8) {
        memcpy(&first, from, 8);
        memcpy(&last, from + size - 8, 8);
        memcpy(to, &first, 8);
        memcpy(to + size - 8, &last, 8);
    } else {
        for (size_t i = 0; i < size; i++)
            to[i] = from[i];
    }
}

static inline bool equal_16_bytes(const char *p, const char *q)
{
    uint64_t a1, a2, b1, b2;
    memcpy(&a1, p, 8);
    memcpy(&b1, q, 8);
    memcpy(&a2, p + 8, 8);
    memcpy(&b2, q + 8, 8);
    return ((a1 ^ b1) | (a2 ^ b2)) == 0;
}

/* From here on a call of memcmp pays. */
enum { EQUAL_INLINE_MAX = 128 };

/* memcmp for the short values that fill most tables: loads that may overlap, without a call. */
static inline __attribute__((always_inline)) bool equal_bytes(const void *a, const void *b, size_t size)
{
    const char *p = a, *q = b;
    if (size > EQUAL_INLINE_MAX)
        return memcmp(p, q, size) == 0;
    if (size > 16) {
        for (size_t at = 0; at < size - 16; at += 16)
            if (!equal_16_bytes(p + at, q + at))
                return false;
        return equal_16_bytes(p + size - 16, q + size - 16);
    }
    if (size >= 8) {
        uint64_t a1, a2, b1, b2;
        memcpy(&a1, p, 8);
        memcpy(&b1, q, 8);
        memcpy(&a2, p + size - 8, 8);
        memcpy(&b2, q + size - 8, 8);
        return ((a1 ^ b1) | (a2 ^ b2)) == 0;
    }
    if (size >= 4) {
        uint32_t a1, a2, b1, b2;
        memcpy(&a1, p, 4);
        memcpy(&b1, q, 4);
        memcpy(&a2, p + size - 4, 4);
        memcpy(&b2, q + size - 4, 4);
        return ((a1 ^ b1) | (a2 ^ b2)) == 0;
    }
    return size == 0 || (p[0] == q[0] && p[size / 2] == q[size / 2] && p[size - 1] == q[size - 1]);
}

#endif
