/* SPDX-License-Identifier: MIT */
/* How a trie lies in memory, and how its words are read: what the files of this folder share. */
#ifndef HAPAX_TRIE_LAYOUT_H
#define HAPAX_TRIE_LAYOUT_H

#include "base/sync.h"
#include "collector/epoch.h"

#include <assert.h>

#if defined __SSE2__ && !defined SYNC_THREAD_SANITIZER
#include <emmintrin.h>
#endif

/* What every object in a trie begins with. */
struct trie_object {
    uint64_t hash;
};

enum { LINE_WORDS = 8 };

/* While a collection decides about the words: whether this object, which nobody may hold, lives, by marks alone. */
typedef bool trie_lives(const void *object);

/* Lines of a large root stand in cache lines of their own; those of a small one where the collector puts them. */
struct trie_line {
    _Alignas(16) atomic_word words[LINE_WORDS];
};

static_assert(sizeof(uintptr_t) == 8, "sixteen bits above an address");

#define TRIE_TENTATIVE ((uintptr_t)1)
#define TRIE_LINK ((uintptr_t)2)
#define TRIE_FLAGS (TRIE_TENTATIVE | TRIE_LINK)
#define TRIE_TAG ((uintptr_t)0xffff << 48)
#define TRIE_ADDRESS (~TRIE_TAG & ~(uintptr_t)15)

/* Set in the tag of every entry, and in no other word: so no entry is a pointer to the collector, wherever it finds
 * it. */
#define TRIE_ENTRY ((uintptr_t)1 << 48)

/* Sixteen bits at the top. */
static inline uintptr_t trie_tag(uint64_t hash)
{
    return (uintptr_t)((hash & TRIE_TAG) | TRIE_ENTRY);
}

enum trie_movement { TRIE_RESTS, TRIE_GROWS, TRIE_SHRINKS };

struct trie {
    /* Written by growth. */
    atomic_count shape;                 /* of its one stripe, while the trie is small: see lines.h */
    struct trie_nodes *_Atomic nodes;   /* NULL: no line has overflowed yet */
    atomic_uint waited;                 /* searches that waited for a collection to settle a word */
    atomic_uchar level;                 /* the root has 2^level lines, or gets or loses the upper half of them */
    atomic_uchar movement;              /* enum trie_movement */
    atomic_uchar stripe_mask;           /* the number of its stripes, less one */
    unsigned char stripe;               /* the first of them */
    struct trie_outside *outside;

    struct trie_line first;             /* the first root; later it keeps what is written apart from what is read */

    /* Read by lookups: hits need the first two. */
    struct trie_line *_Atomic lines;
    atomic_count mask;                  /* where to look first: never beyond the root, but perhaps of half of it */
    /* The roots of the odd and the even levels, which differ while lines move out of one into the other. */
    struct trie_line *_Atomic roots[2];
    atomic_count *_Atomic shapes;       /* of each stripe: &shape while the trie is small */
    trie_lives *lives;                  /* for objects in doubt */
};

/* What is left to free when the trie has died. Outside of collected memory, zeroed. */
struct trie_outside {
    struct trie_region *_Atomic newest;
};

/* ---- Reading words ---- */

/* Four bits for each word of the line, of which the highest is set where the word's tag is the hash's. */
#if defined __SSE2__ && !defined SYNC_THREAD_SANITIZER
/* The vector loads are not atomic, but each of their words is, and on this processor what is loaded later is not older.
 * What they yield only says where to look: each word is loaded again. */
static inline uint32_t line_match(const struct trie_line *line, uint64_t hash)
{
    const __m128i *words = (const __m128i *)(const void *)line;
    __m128i tag = _mm_set1_epi16((short)(trie_tag(hash) >> 48));
    __m128i first = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(words), tag),
                                    _mm_cmpeq_epi16(_mm_load_si128(words + 1), tag));
    __m128i second = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(words + 2), tag),
                                     _mm_cmpeq_epi16(_mm_load_si128(words + 3), tag));
    return ((uint32_t)_mm_movemask_epi8(first) | (uint32_t)_mm_movemask_epi8(second) << 16) & 0x88888888u;
}
#else
/* Acquire: what is loaded afterwards, a version above all, is not older. */
static inline uint32_t line_match(const struct trie_line *line, uint64_t hash)
{
    uint32_t match = 0;
    for (unsigned i = 0; i < LINE_WORDS; i++)
        match |= (uint32_t)((load_acquire(&line->words[i]) ^ trie_tag(hash)) >> 48 == 0) << (4 * i + 3);
    return match;
}
#endif

/* What a word holds. */
enum trie_reading {
    TRIE_NOTHING,       /* no entry */
    TRIE_OBJECT,        /* an object, under a pointer that keeps it alive */
    TRIE_IN_DOUBT,      /* an entry whose object is unmarked: collector_wait, then read again */
};

/* Reads a word, and answers in *word what it was. See epoch.h. */
static inline enum trie_reading trie_read(struct trie *trie, atomic_word *place, uintptr_t *word, void **object)
{
    for (;;) {
        uint64_t decided = epoch_decided();
        *word = load_acquire(place);    /* acquire: the object is seen as published */
        *object = NULL;
        if ((*word & TRIE_ENTRY) == 0)
            return TRIE_NOTHING;
        if (*word & TRIE_TENTATIVE)
            return TRIE_IN_DOUBT;
        void *address = (void *)(*word & TRIE_ADDRESS);
        if (!epoch_holds(decided, &address)) {
            enum epoch_answer answer = epoch_look(place, *word, address, trie->lives);
            if (answer == EPOCH_AGAIN)
                continue;
            if (answer == EPOCH_WAIT)
                return TRIE_IN_DOUBT;
        }
        *object = address;
        return TRIE_OBJECT;
    }
}

/* The word of its line where an entry stands, unless another came first. */
static inline unsigned trie_favourite(uint64_t hash)
{
    return (unsigned)(hash >> 45) % LINE_WORDS;
}

#endif
