/* SPDX-License-Identifier: MIT */
/* The layout that was chosen: a wide root of cache lines, each eight words of sixteen bits of tag and an address that
   leads straight to the value; a ninth entry goes to a further line. With LEAVES the root holds pointers to the lines
   instead of the lines. With FAVOURITE a word named by the hash is looked at before the line is compared as a whole. */
#include "sketch.h"

#include <emmintrin.h>

struct line {
    _Alignas(64) uintptr_t words[8];   /* the last may be a link: bit 1 */
};

#ifdef LEAVES
static struct line **root;
#define LINE(index) (root[index])
#else
static struct line *root;
#define LINE(index) (&root[index])
#endif
static size_t mask;
static size_t entries;

static uintptr_t tag_of(uint64_t hash)
{
    return (uintptr_t)((hash & (uint64_t)0xffff << 48) | (uint64_t)1 << 48);
}

static struct value *value_of(uintptr_t word)
{
    return (struct value *)(word & 0xfffffffffff0);
}

static struct line *new_lines(size_t count)
{
    return sketch_lines(count);
}

#ifdef LEAVES
static struct line **new_root(size_t count)
{
    struct line **lines = sketch_must(malloc(count * sizeof *lines));
    struct line *first = new_lines(count);
    for (size_t i = 0; i < count; i++)
        lines[i] = first + i;
    return lines;
}
#else
#define new_root new_lines
#endif

static void sketch_start(void)
{
    mask = 63;
    root = new_root(64);
}

static inline uint32_t match(const struct line *line, uint64_t hash)
{
    const __m128i *words = (const __m128i *)(const void *)line;
    __m128i tag = _mm_set1_epi16((short)(tag_of(hash) >> 48));
    __m128i first = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(words), tag),
                                    _mm_cmpeq_epi16(_mm_load_si128(words + 1), tag));
    __m128i second = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(words + 2), tag),
                                     _mm_cmpeq_epi16(_mm_load_si128(words + 3), tag));
    return ((uint32_t)_mm_movemask_epi8(first) | (uint32_t)_mm_movemask_epi8(second) << 16) & 0x88888888u;
}

static inline struct value *sketch_find(uint64_t hash, const void *data, size_t size)
{
    const struct line *line = LINE(hash & mask);
#ifdef FAVOURITE
    uintptr_t favourite = line->words[hash >> 45 & 7];
    if ((favourite ^ tag_of(hash)) >> 48 == 0 && sketch_equal(value_of(favourite), data, size))
        return value_of(favourite);
#endif
    for (;;) {
        for (uint32_t found = match(line, hash); found != 0; found &= found - 1) {
            struct value *value = value_of(line->words[(unsigned)__builtin_ctz(found) / 4]);
            if (sketch_equal(value, data, size))
                return value;
        }
        if ((line->words[7] & 2) == 0)
            return NULL;
        line = (const struct line *)(line->words[7] - 2);
    }
}

static void put(struct line *line, struct value *value)
{
    uintptr_t word = (uintptr_t)value | tag_of(value->hash);
    for (;;) {
        unsigned favourite = value->hash >> 45 & 7;
        if (line->words[favourite] == 0) {
            line->words[favourite] = word;
            return;
        }
        for (unsigned i = 0; i < 8; i++)
            if (line->words[i] == 0) {
                line->words[i] = word;
                return;
            }
        if ((line->words[7] & 2) == 0) {
            struct line *child = new_lines(1);
            child->words[0] = line->words[7];
            line->words[7] = (uintptr_t)child | 2;
        }
        line = (struct line *)(line->words[7] - 2);
    }
}

static void grow(void)
{
    size_t old_mask = mask;
    __typeof__(root) old = root;
    mask = old_mask * 2 + 1;
    root = new_root(mask + 1);
    for (size_t i = 0; i <= old_mask; i++) {
#ifdef LEAVES
        const struct line *line = old[i];
#else
        const struct line *line = &old[i];
#endif
        for (const struct line *next; line != NULL; line = next) {
            next = line->words[7] & 2 ? (const struct line *)(line->words[7] - 2) : NULL;
            for (unsigned j = 0; j < 8; j++)
                if (line->words[j] != 0 && (line->words[j] & 2) == 0) {
                    struct value *value = value_of(line->words[j]);
                    put(LINE(value->hash & mask), value);
                }
        }
    }
    free(old);
}

static void sketch_insert(uint64_t hash, struct value *value)
{
    if (++entries > (mask + 1) * 5)
        grow();
    put(LINE(hash & mask), value);
}

#ifdef LEAVES
#define SKETCH_NAME "sketch, leaves"
#elif defined FAVOURITE
#define SKETCH_NAME "sketch, lines with a favourite"
#else
#define SKETCH_NAME "sketch, lines"
#endif
#include "sketch_hooks.h"
