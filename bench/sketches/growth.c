/* SPDX-License-Identifier: MIT */
/* How the lines of lines.c grow, and where a ninth entry goes. Linear hashing throughout: a line is split into itself,
 * or
   where it moves to, and a line half further up.

     (nothing)       one line after the other, in address space that is reserved for all there could ever be
     STRIPES         64 stripes of runs of eight lines; an insert splits the next run of its own stripe
     RELOCATE=N      every Nth doubling moves the lines into new memory, as they are split; with STRIPES
     LEVELS          a full line's last word leads to two lines, told apart by the highest bit in which the tags of its
                     entries differ, and not to one */
#include "sketch.h"

#include <emmintrin.h>
#include <sys/mman.h>

struct line {
    _Alignas(64) uintptr_t words[8];   /* the last may be a link: bit 1 */
};

enum { RUN = 8, STRIPE_COUNT = 64, FIRST = RUN * STRIPE_COUNT, MOST = 1 << 24 };

static struct line *roots[2];          /* of the odd and the even levels */
static struct line *lines;             /* where to look first, and how far */
static size_t mask;
static unsigned level = 9;             /* 2^level lines, or about to be */
static size_t entries;

/* The next line of the stripe to be split in this level; 2^(level-1) or more: none. */
static size_t next[STRIPE_COUNT];

static struct line *new_root(size_t count)
{
    void *memory = mmap(NULL, count * 64, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        sketch_must(NULL);
    char *aligned = (char *)(((uintptr_t)memory + (2 << 20) - 1) & ~(uintptr_t)((2 << 20) - 1));
    if (count * 64 > 2 << 20)
        (void)madvise(aligned, count * 64 - (size_t)(aligned - (char *)memory), MADV_HUGEPAGE);
    return memory;
}

static void sketch_start(void)
{
    lines = roots[0] = roots[1] = new_root(MOST);
    mask = FIRST - 1;
    for (unsigned i = 0; i < STRIPE_COUNT; i++)
        next[i] = FIRST;
}

static unsigned stripe_of(uint64_t hash)
{
#ifdef STRIPES
    return hash / RUN % STRIPE_COUNT;
#else
    (void)hash;
    return 0;
#endif
}

static uintptr_t tag_of(uint64_t hash)
{
    return (uintptr_t)((hash & (uint64_t)0xffff << 48) | (uint64_t)1 << 48);
}

static struct value *value_of(uintptr_t word)
{
    return (struct value *)(word & 0xfffffffffff0);
}

/* Bits 49 to 54 of a link say which bit of the hash chooses the line. */
static struct line *follow(uintptr_t link, uint64_t hash)
{
    struct line *child = (struct line *)(link & 0xffffffffffc0);
#ifdef LEVELS
    child += hash >> (link >> 49) & 1;
#else
    (void)hash;
#endif
    return child;
}

static uint32_t match(const struct line *line, uint64_t hash)
{
    const __m128i *words = (const __m128i *)(const void *)line;
    __m128i tag = _mm_set1_epi16((short)(tag_of(hash) >> 48));
    __m128i first = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(words), tag),
                                    _mm_cmpeq_epi16(_mm_load_si128(words + 1), tag));
    __m128i second = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(words + 2), tag),
                                     _mm_cmpeq_epi16(_mm_load_si128(words + 3), tag));
    return ((uint32_t)_mm_movemask_epi8(first) | (uint32_t)_mm_movemask_epi8(second) << 16) & 0x88888888u;
}

static struct line *home_of(uint64_t hash)
{
    size_t half = (size_t)1 << (level - 1), low = hash & (half - 1);
    return low < next[stripe_of(hash)] ? roots[level & 1] + (hash & (2 * half - 1)) : roots[(level - 1) & 1] + low;
}

static struct value *find_from(const struct line *line, uint64_t hash, const void *data, size_t size)
{
    for (;; line = follow(line->words[7], hash)) {
        for (uint32_t found = match(line, hash); found != 0; found &= found - 1) {
            struct value *value = value_of(line->words[(unsigned)__builtin_ctz(found) / 4]);
            if (sketch_equal(value, data, size))
                return value;
        }
        if ((line->words[7] & 2) == 0)
            return NULL;
    }
}

static inline struct value *sketch_find(uint64_t hash, const void *data, size_t size)
{
    const struct line *line = lines + (hash & mask);
    uintptr_t favourite = line->words[hash >> 45 & 7];
    if ((favourite ^ tag_of(hash)) >> 48 == 0 && sketch_equal(value_of(favourite), data, size))
        return value_of(favourite);
    return find_from(home_of(hash), hash, data, size);
}

static struct line *spare;

static struct line *take_lines(void)
{
    struct line *taken = spare;
    if (taken != NULL) {
        spare = (struct line *)taken->words[0];
        taken->words[0] = 0;
        return taken;
    }
#ifdef LEVELS
    return sketch_lines(2);
#else
    return sketch_lines(1);
#endif
}

static uintptr_t new_link(const struct line *line, uintptr_t word)
{
    uintptr_t link = (uintptr_t)take_lines() | 2;
#ifdef LEVELS
    uintptr_t differ = 0;
    for (unsigned i = 0; i < 8; i++)
        differ |= line->words[i] ^ word;
    differ >>= 49;
    link |= (uintptr_t)(differ != 0 ? 112 - (unsigned)__builtin_clzll(differ) : 0) << 49;
#else
    (void)line;
    (void)word;
#endif
    return link;
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
            uintptr_t last = line->words[7];
            line->words[7] = new_link(line, word);
            put(line, value_of(last));
        }
        line = follow(line->words[7], value->hash);
    }
}

/* Empties what is behind a line; puts it into the two. */
static void pour(uintptr_t link, struct line *low, struct line *high, size_t half)
{
    struct line *child = (struct line *)(link & 0xffffffffffc0);
#ifdef LEVELS
    enum { LINES = 2 };
#else
    enum { LINES = 1 };
#endif
    for (unsigned i = 0; i < LINES; i++)
        for (unsigned j = 0; j < 8; j++) {
            uintptr_t word = child[i].words[j];
            child[i].words[j] = 0;
            if (word & 2)
                pour(word, low, high, half);
            else if (word != 0)
                put(value_of(word)->hash & half ? high : low, value_of(word));
        }
    child->words[0] = (uintptr_t)spare;
    spare = child;
}

static void split(size_t index)
{
    size_t half = (size_t)1 << (level - 1);
    struct line *from = roots[(level - 1) & 1] + index, *low = roots[level & 1] + index, *high = low + half;
    uintptr_t words[8];
    memcpy(words, from, sizeof words);
    for (unsigned i = 0; i < 8; i++)
        if (words[i] != 0 && (words[i] & 2) == 0 && (low != from || value_of(words[i])->hash & half)) {
            from->words[i] = 0;
            put(value_of(words[i])->hash & half ? high : low, value_of(words[i]));
        }
    if (words[7] & 2) {
        from->words[7] = 0;
        pour(words[7], low, high, half);
    }
}

static void prefetch(size_t index)
{
    const struct line *line = roots[(level - 1) & 1] + index;
    for (unsigned i = 0; i < 8; i++)
        __builtin_prefetch(value_of(line->words[i]));
}

static void begin_level(void)
{
    level++;
#if defined RELOCATE
    size_t count = (size_t)1 << level;
    if (level % RELOCATE == 0)
        roots[level & 1] = new_root(count << (RELOCATE - 1));
    else
        roots[level & 1] = roots[(level - 1) & 1];
#endif
#ifdef STRIPES
    for (unsigned i = 0; i < STRIPE_COUNT; i++)
        next[i] = i * RUN;
#else
    next[0] = 0;
#endif
}

static void help(uint64_t hash)
{
    size_t half = (size_t)1 << (level - 1), *at = &next[stripe_of(hash)];
    if (*at >= half)
        return;
#ifdef STRIPES
    for (unsigned i = 0; i < RUN; i++)
        prefetch(*at + i);
    for (unsigned i = 0; i < RUN; i++)
        split(*at + i);
    *at += FIRST;
#else
    for (unsigned i = 0; i < 4; i++) {
        if (*at + 4 < half)
            prefetch(*at + 4);
        split((*at)++);
    }
#endif
    if (*at >= half / 2 && mask < half) {
        lines = roots[level & 1];
        mask = 2 * half - 1;
    }
}

static bool all_split(void)
{
#ifdef STRIPES
    for (unsigned i = 0; i < STRIPE_COUNT; i++)
        if (next[i] < (size_t)1 << (level - 1))
            return false;
    return true;
#else
    return next[0] >= (size_t)1 << (level - 1);
#endif
}

static void sketch_insert(uint64_t hash, struct value *value)
{
    if (++entries % 32 == 0 && entries > (size_t)5 << level && all_split())
        begin_level();
    put(home_of(hash), value);
    help(hash);
}

#define SKETCH_NAME "sketch, growth"
#include "sketch_hooks.h"
