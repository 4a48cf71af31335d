/* SPDX-License-Identifier: MIT */
/* Hashing: the only file that includes xxhash.h. */
#ifndef HAPAX_HASH_H
#define HAPAX_HASH_H

#include <stddef.h>
#include <stdint.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* A secret and a seed drawn from the system's random source once per process, so that nobody outside can prepare
 * values that collide. The secret serves long values, for which deriving one from the seed each time would cost more
 * than hashing. */
struct hash_key {
    uint64_t seed;
    unsigned char secret[XXH3_SECRET_SIZE_MIN + 64];
};
extern struct hash_key hash_key __attribute__((visibility("hidden")));

/* Fills hash_key; 0, or -1 with errno where the system has no random bytes to give. Called once, before any hash. */
int hash_start(void);

/* Up to this many bytes xxHash takes the seed as it is. */
enum { HASH_SEEDED_MAX = 240 };

/* Nothing is longer than a program's addresses reach: a larger size is a mistake, and what it is the size of is not
 * read. */
#define HASH_SIZE_MAX (UINT64_C(1) << 47)

static inline uint64_t hash_bytes(const void *data, size_t size)
{
#ifdef HAPAX_HARD_TESTS
    /* Few distinct hashes: every path for collisions is taken all the time. */
    return size > HASH_SIZE_MAX ? 0 : XXH3_64bits_withSeed(data, size, hash_key.seed) & UINT64_C(0xf00000000000003f);
#else
    if (size <= HASH_SEEDED_MAX)
        return XXH3_64bits_withSeed(data, size, hash_key.seed);
    return size > HASH_SIZE_MAX ? 0 : XXH3_64bits_withSecret(data, size, hash_key.secret, sizeof hash_key.secret);
#endif
}

/* Spreads every bit of a poor hash over the whole word (the finishing step of MurmurHash3, a bijection). */
static inline uint64_t hash_finish(uint64_t hash)
{
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

static inline uint64_t hash_pointer(const void *pointer)
{
    return hash_finish((uintptr_t)pointer ^ hash_key.seed);
}

#endif
