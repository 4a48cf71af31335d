/* SPDX-License-Identifier: MIT */
/* How a registry keeps its words, as its own files see it: in chunks, which are collected objects. Nothing that the
 * collector searches leads to them: each collection marks those that are in use. So a chunk that was taken out of its
 * registry is free in the next collection, unless a thread that was stopped while it took a word of it still holds it.
 * The words of a large registry's chunks stand in pages of the system's, which give their memory back at once when they
 * are empty; such a chunk stays, and is used again. Where the registry keeps its values, the chunks are searched, and
 * the newest leads to all others. */
#ifndef HAPAX_REGISTRY_CHUNKS_H
#define HAPAX_REGISTRY_CHUNKS_H

#include "weak/registry_kind.h"

#include "base/pages.h"
#include "base/sync.h"

#include <assert.h>

enum {
    HOLE = 2,               /* even, and no object's address */
    LINE_BYTES = 64,        /* what processors exchange at once */
    LEAST_LANES = 16, MOST_LANES = 64,  /* of a large registry */
#ifndef HAPAX_HARD_TESTS
    FIRST_WORDS = 10,       /* in the registry itself */
    FEWEST_WORDS = 16,
    MOST_WORDS = 504,       /* of a chunk: a page of the collector's, and of the system's */
    LARGE_FROM = 4096,      /* objects: fewer share one chunk, whatever their lanes, and need no pages */
    A_LANE = 256,           /* objects for each lane: each may have a chunk that is nearly empty */
    PAGES_AT_ONCE = 16,
#else
    FIRST_WORDS = 2,
    FEWEST_WORDS = 4,
    MOST_WORDS = 60,
    LARGE_FROM = 256,
    A_LANE = 16,
    PAGES_AT_ONCE = 3,
#endif
};

struct chunk {
    struct chunk *_Atomic next; /* older */
    atomic_word *words;         /* behind this, or a page */
    atomic_uint used;           /* words taken; `room` or more: full, or spare */
    unsigned room;
    unsigned occupied; /* words that are no holes, as last counted; the collection steps' own, as the next two */
    bool scanned;               /* registry_scan found that everything here lives */
    bool doubted;               /* the collection that runs has entries here */
    bool has_page;
    atomic_bool spare;          /* its page has been given back */
    struct chunk *next_spare;   /* while spare */
};

/* Pages for chunks, taken one after the other; they are freed with the registry. */
struct slab {
    struct slab *older;
    char *pages;
    unsigned used;
};

/* The chunk in which the threads of this lane take words; NULL: none, or one that was taken out. */
struct lane {
    struct chunk *_Atomic open;
};

/* More of them are used as the registry grows. */
struct lanes {
    atomic_uint used;               /* a power of two */
    struct lane of[MOST_LANES];
};

/* The first line is what every insert reads; threads that insert seldom write it. */
struct registry {
    const struct registry_kind *kind;
    struct registry *_Atomic next;
    void *owner;              /* not seen by the collector, as everything here */
    void *context;
    void *_Atomic *keep;
    struct lane only_lane;          /* as long as there are no others */
    struct lanes *_Atomic lanes;
    struct slab *_Atomic slabs;     /* the newest */
    struct chunk *_Atomic chunks;   /* the newest */
    struct chunk *_Atomic spare;
    atomic_count evicted;
    /* Words taken, counted by REGISTRY_ROUND and at the end of each chunk, less those given back. */
    atomic_count rounds;
    atomic_uint iterators;    /* while not 0, no word changes its place */
    bool owner_doubted;       /* the collection that runs has not marked the owner */
    atomic_bool wants_care;   /* objects were evicted since the last care */
    uint64_t outside[REGISTRY_OUTSIDE_BYTES / sizeof(uint64_t)];
    struct chunk first;       /* its room is 0 where the registry keeps its values */
    atomic_word first_words[FIRST_WORDS];
};
static_assert(offsetof(struct registry, chunks) == LINE_BYTES, "what inserts write is not in the first line");
static_assert(offsetof(struct registry, first_words) == offsetof(struct registry, first) + sizeof(struct chunk),
              "the words of the first chunk follow it");

#ifndef HAPAX_HARD_TESTS
static_assert(sizeof(struct registry) < 256, "an empty registry takes 256 bytes of the collector's");
#endif

/* All there are, the newest first. */
extern struct registry *_Atomic registry_list;

/* Some registry wants care. */
extern atomic_bool registry_care_wanted;
/* In the child of a fork: the other threads that were inside registry_care are not there. */
void registry_care_fork_child(void);

/* for (each chunk of the registry that has words, the newest first). Acquire: pairs with put_in. */
#define FOR_EACH_CHUNK(chunk, registry)                                                                               \
    for (struct chunk *chunk = load_acquire(&(registry)->chunks); chunk != NULL; chunk = load_acquire(&chunk->next))  \
        if (!load_relaxed(&chunk->spare))

static inline unsigned words_taken(struct chunk *chunk)
{
    unsigned used = load_acquire(&chunk->used);   /* acquire: pairs with open_chunk */
    return used < chunk->room ? used : chunk->room;
}

/* With its words behind it. */
static inline size_t chunk_bytes(unsigned room)
{
    return sizeof(struct chunk) + room * sizeof(atomic_word);
}

/* Of a chunk whose words stand in a page: threads with other lanes write to the next one, so it has a line to itself.
 * Objects of this size begin at a line: the collector adds a byte, and divides a page into objects of one size. */
enum { CHUNK_ALONE_BYTES = LINE_BYTES - 1 };
static_assert(sizeof(struct chunk) <= CHUNK_ALONE_BYTES, "a chunk fits a line, and a byte behind it");
static_assert(sizeof(struct chunk) + MOST_WORDS * sizeof(atomic_word) < PAGE_BYTES,
              "a chunk fits a page, and a byte behind it");

#endif
