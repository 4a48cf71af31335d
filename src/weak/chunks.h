/* SPDX-License-Identifier: MIT */
/* How a registry keeps its words, as its own files see it: in chunks of a page each, whose headers stand in slabs. */
#ifndef HAPAX_REGISTRY_CHUNKS_H
#define HAPAX_REGISTRY_CHUNKS_H

#include "weak/registry_kind.h"

#include "base/pages.h"
#include "base/sync.h"

#include <assert.h>

enum {
    HOLE = 2,            /* even, and no object's address */
    LANES = 16,
#ifndef HAPAX_HARD_TESTS
    CHUNK_WORDS = 508,   /* what fits a page of the system's, and a page of the collector's behind a link */
    CHUNKS_PER_SLAB = 15,
#else
    CHUNK_WORDS = 60,
    CHUNKS_PER_SLAB = 3,
#endif
    SPARSE = CHUNK_WORDS / 4,
};

/* A page of words. Its header is never freed while the registry lives, so a thread that was stopped between finding
 * the chunk and taking a word of it finds at worst a full one. */
struct chunk {
    atomic_word *_Atomic words; /* NULL: never opened */
    atomic_uint used;           /* words taken; CHUNK_WORDS or more: full, or spare */
    atomic_bool spare;          /* its words have been given back */
    bool scanned;               /* registry_scan found that everything here lives; the collection steps' own */
    bool doubted;               /* the collection that runs has entries here; the collection steps' own */
    unsigned occupied;          /* words that are no holes, as last counted; the collection steps' own */
    struct chunk *next_spare;   /* while spare */
};

/* The first page of a slab holds the headers of the chunks in the others. */
struct slab {
    struct slab *_Atomic next;
    struct chunk chunks[CHUNKS_PER_SLAB];
};
enum { SLAB_BYTES = PAGE_BYTES * (CHUNKS_PER_SLAB + 1) };

struct registry {
    struct slab first_slab;   /* at offset 0: the registry lives in the first page of its first slab */
    const struct registry_kind *kind;
    struct registry *_Atomic next;
    void *owner;              /* not seen by the collector */
    void *context;
    void *_Atomic *keep;
    bool owner_doubted;       /* the collection that runs has not marked the owner */
    atomic_bool wants_care;   /* objects were evicted since the last care */
    atomic_uint iterators;    /* while not 0, no word changes its place */
    atomic_count evicted;
    atomic_count unused;      /* words that were filled with a hole at once */
    atomic_count rounds;      /* words taken, counted by REGISTRY_ROUND and at the end of each chunk */
    struct chunk *_Atomic spare;
    struct slab *last_slab;   /* under growth_lock */
    unsigned chunks_made;     /* in the last slab; under growth_lock */
    _Alignas(max_align_t) unsigned char outside[REGISTRY_OUTSIDE_BYTES];
    _Alignas(CACHE_LINE) struct {
        _Alignas(CACHE_LINE) struct chunk *_Atomic open;
    } lanes[LANES];
};
static_assert(sizeof(struct registry) <= PAGE_BYTES, "a registry fits the first page of its first slab");
static_assert(CHUNK_WORDS * sizeof(atomic_word) <= PAGE_BYTES, "a chunk's words fit a page");

/* All there are, the newest first. */
extern struct registry *_Atomic registry_list;

/* Some registry wants care. */
extern atomic_bool registry_care_wanted;

static inline struct chunk *next_chunk(struct slab **slab, unsigned *index)
{
    if (*index == CHUNKS_PER_SLAB) {
        *slab = load_acquire(&(*slab)->next);   /* acquire: pairs with open_chunk */
        *index = 0;
    }
    return *slab == NULL ? NULL : &(*slab)->chunks[(*index)++];
}

/* for (each chunk of the registry that has words). Acquire: pairs with take_chunk. */
#define FOR_EACH_CHUNK(chunk, registry)                                                                               \
    struct slab *slab_of_##chunk = &(registry)->first_slab;                                                           \
    unsigned index_of_##chunk = 0;                                                                                    \
    for (struct chunk *chunk; (chunk = next_chunk(&slab_of_##chunk, &index_of_##chunk)) != NULL;)                     \
        if (load_acquire(&chunk->words) != NULL && !load_relaxed(&chunk->spare))

static inline unsigned words_taken(struct chunk *chunk)
{
    unsigned used = load_acquire(&chunk->used);   /* acquire: pairs with open_chunk */
    return used < CHUNK_WORDS ? used : CHUNK_WORDS;
}

#endif
