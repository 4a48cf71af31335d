#include "config.h"

#include "registry.h"

#include "collector.h"
#include "pages.h"

#include <assert.h>
#include <errno.h>

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
    ROUND = 32,
};

/* A page of words. Its header is never freed while the registry lives, so a thread that was stopped between finding
 * the chunk and taking a word of it finds at worst a full one. */
struct chunk {
    atomic_word *_Atomic words; /* NULL: never opened */
    atomic_uint used;           /* words taken; CHUNK_WORDS or more: full, or spare */
    atomic_bool spare;          /* its words have been given back */
    bool scanned;               /* registry_scan found that everything here lives; the collection steps' own */
    bool doubted;               /* the collection that runs has entries here; the collection steps' own */
    unsigned occupied;          /* words that are no holes, as mark_end counted them; the collection steps' own */
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
    atomic_count rounds;      /* words taken, counted by ROUND and at the end of each chunk */
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

static struct registry *_Atomic registries;
static atomic_bool somebody_wants_care;
static atomic_uint carers;        /* threads amidst registry_care */

/* Protects the taking of new and spare chunks, in every registry: once in CHUNK_WORDS objects. */
static spin_lock growth_lock;

static struct registry *new_registry_memory(void)
{
    return pages_alloc(SLAB_BYTES);
}

struct registry *registry_new(const struct registry_kind *kind, void *owner, void *context, void *_Atomic *keep)
{
    struct registry *registry = new_registry_memory();
    if (registry == NULL) {
        /* Perhaps dead owners hold what is missing: address space is no reason for the collector to run. */
        collector_collect();
        registry = new_registry_memory();
        if (registry == NULL) {
            errno = ENOMEM;
            return NULL;
        }
    }
    registry->kind = kind;
    registry->owner = owner;
    registry->context = context;
    registry->keep = keep;
    registry->last_slab = &registry->first_slab;
    struct registry *head = load_relaxed(&registries);
    do
        store_relaxed(&registry->next, head);
    while (!cas_release(&registries, &head, registry)); /* release: whoever finds it finds it filled in */
    return registry;
}

void *registry_outside(struct registry *registry)
{
    return registry->outside;
}

/* A chunk that nobody uses: a spare one, or the next of the last slab. The lock is held; NULL: a new slab is wanted. */
static struct chunk *take_chunk(struct registry *registry)
{
    /* Acquire: its words were emptied before. Others only push meanwhile, so the head cannot come back changed. */
    struct chunk *spare = load_acquire(&registry->spare);
    while (spare != NULL && !cas_acquire(&registry->spare, &spare, spare->next_spare))
        ;
    if (spare != NULL)
        return spare;
    if (registry->chunks_made == CHUNKS_PER_SLAB)
        return NULL;
    struct chunk *chunk = &registry->last_slab->chunks[registry->chunks_made];
    store_relaxed(&chunk->used, CHUNK_WORDS);
    char *page = (char *)registry->last_slab + (size_t)PAGE_BYTES * (registry->chunks_made + 1);
    store_release(&chunk->words, (atomic_word *)page); /* release: it is full as soon as it is seen */
    registry->chunks_made++;
    return chunk;
}

static bool lane_is_full(struct registry *registry, unsigned lane)
{
    struct chunk *chunk = load_relaxed(&registry->lanes[lane].open);
    return chunk == NULL || load_relaxed(&chunk->used) >= CHUNK_WORDS;
}

/* Gives the lane a chunk with free words; false with ENOMEM. What has to be allocated is allocated first. */
static bool open_chunk(struct registry *registry, unsigned lane)
{
    void **kept_words = NULL;
    struct slab *slab = NULL;
    bool want_slab = false;
    for (;;) {
        if (registry->keep != NULL && kept_words == NULL &&
            (kept_words = collector_alloc_scanned((CHUNK_WORDS + 1) * sizeof(void *))) == NULL) {
            errno = ENOMEM;
            return false;
        }
        if (want_slab && slab == NULL && (slab = pages_alloc(SLAB_BYTES)) == NULL) {
            errno = ENOMEM;
            return false;
        }
        spin_acquire(&growth_lock);
        bool full = lane_is_full(registry, lane);
        if (full && slab != NULL && registry->chunks_made == CHUNKS_PER_SLAB) {
            /* Release: the collection steps walk the slabs without the lock. */
            store_release(&registry->last_slab->next, slab);
            registry->last_slab = slab;
            registry->chunks_made = 0;
            slab = NULL;
        }
        struct chunk *chunk = full ? take_chunk(registry) : NULL;
        if (chunk != NULL) {
            if (kept_words != NULL) {
                kept_words[0] = load_relaxed(registry->keep);
                store_relaxed(&chunk->words, (atomic_word *)(kept_words + 1));
                store_release(registry->keep, (void *)kept_words);
            }
            store_relaxed(&chunk->spare, false);
            /* Release: whoever takes a word finds the pointer to the words. */
            store_release(&chunk->used, 0u);
            store_release(&registry->lanes[lane].open, chunk);
        }
        spin_release(&growth_lock);
        if (!full || chunk != NULL)
            break;
        want_slab = true;
    }
    if (slab != NULL)
        pages_free(slab, SLAB_BYTES);
    if (kept_words != NULL) {
        collector_wrote(kept_words);
        collector_wrote(registry->owner);
    }
    return true;
}

/* A word of the lane's chunk; NULL: it is full. */
static inline atomic_word *take_word(struct registry *registry, unsigned lane)
{
    /* Acquire: pairs with open_chunk. */
    struct chunk *chunk = load_acquire(&registry->lanes[lane].open);
    if (unlikely(chunk == NULL || load_relaxed(&chunk->used) >= CHUNK_WORDS))
        return NULL;
    /* Acquire: the chunk may have been emptied and opened again since. */
    unsigned index = atomic_fetch_add_explicit(&chunk->used, 1u, memory_order_acquire);
    if (unlikely(index >= CHUNK_WORDS))
        return NULL;
    if (unlikely(index % ROUND == ROUND - 1 || index == CHUNK_WORDS - 1))
        add_relaxed(&registry->rounds, index % ROUND + 1u);
    return load_relaxed(&chunk->words) + index;
}

static __attribute__((noinline)) atomic_word *take_word_of_new_chunk(struct registry *registry, unsigned lane)
{
    while (open_chunk(registry, lane)) {
        atomic_word *word = take_word(registry, lane);
        if (word != NULL)
            return word;
    }
    return NULL;
}

atomic_word *registry_reserve(struct registry *registry, unsigned lane)
{
    lane %= LANES;
    atomic_word *word = take_word(registry, lane);
    return likely(word != NULL) ? word : take_word_of_new_chunk(registry, lane);
}

void registry_filled(struct registry *registry, atomic_word *word)
{
    if (registry->keep != NULL)
        collector_wrote(word);
}

void registry_cancel(struct registry *registry, atomic_word *word)
{
    /* Relaxed: the collection steps see it because the world was stopped since, or they see 0 and leave it alone. */
    store_relaxed(word, (uintptr_t)HOLE);
    add_relaxed(&registry->unused, 1u);
}

uint64_t registry_estimate(struct registry *registry)
{
    uint64_t taken = load_relaxed(&registry->rounds);
    uint64_t gone = load_relaxed(&registry->evicted) + load_relaxed(&registry->unused);
    return taken > gone ? taken - gone : 0;
}

uint64_t registry_evicted(struct registry *registry)
{
    return load_relaxed(&registry->evicted);
}

static struct chunk *next_chunk(struct slab **slab, unsigned *index)
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

static unsigned words_taken(struct chunk *chunk)
{
    unsigned used = load_acquire(&chunk->used);   /* acquire: pairs with open_chunk */
    return used < CHUNK_WORDS ? used : CHUNK_WORDS;
}

uint64_t registry_bytes(struct registry *registry)
{
    uint64_t bytes = 0;
    for (struct slab *slab = &registry->first_slab; slab != NULL; slab = load_acquire(&slab->next))
        bytes += PAGE_BYTES;
    FOR_EACH_CHUNK(chunk, registry)
        bytes += PAGE_BYTES;
    return bytes;
}

/* ---- Iteration ---- */

static void count_iterator(void *registry)
{
    add_relaxed(&((struct registry *)registry)->iterators, 1u);
}

/* The object in a word under a pointer that keeps it alive, or NULL for a hole. */
static void *strong_read(atomic_word *word)
{
    for (;;) {
        uintptr_t seen = load_acquire(word);
        if (seen == 0 || seen == HOLE)
            return NULL;
        if (seen & 1) {
            collector_wait();
            continue;
        }
        void *object = reveal((void *)seen);
        /* Loaded again while the address is in a register: no collection before this has missed it. */
        if (load_acquire(word) == seen)
            return object;
    }
}

bool registry_each(struct registry *registry, bool (*visit)(void *object, void *context), void *context)
{
    /* What is added from now on is not visited: it lies behind these counts or in later slabs. */
    collector_exclude(count_iterator, registry);
    bool to_the_end = true;
    FOR_EACH_CHUNK(chunk, registry)
    {
        unsigned taken = words_taken(chunk);
        for (unsigned i = 0; to_the_end && i < taken; i++) {
            void *object = strong_read(load_relaxed(&chunk->words) + i);
            if (object != NULL)
                to_the_end = visit(object, context);
            keep_reachable(object);
        }
        if (!to_the_end)
            break;
    }
    sub_release(&registry->iterators, 1u);   /* release: pairs with compact, after every word was read */
    return to_the_end;
}

static bool count_one(void *object, void *count)
{
    (void)object;
    ++*(uint64_t *)count;
    return true;
}

uint64_t registry_count(struct registry *registry)
{
    uint64_t count = 0;
    registry_each(registry, count_one, &count);
    return count;
}

bool registry_contains(struct registry *registry, const void *object)
{
    FOR_EACH_CHUNK(chunk, registry)
    {
        atomic_word *words = load_relaxed(&chunk->words);
        for (unsigned i = words_taken(chunk); i-- > 0;)
            if (load_relaxed(&words[i]) == (uintptr_t)object)
                return true;
    }
    return false;
}

struct question {
    const void *object;
    const char *answer;
};

static void ask_all(void *data)
{
    struct question *question = data;
    for (struct registry *registry = load_acquire(&registries); registry != NULL && question->answer == NULL;
         registry = load_acquire(&registry->next))
        if (registry->kind->type_of != NULL)
            question->answer = registry->kind->type_of(registry->context, question->object);
}

const char *registry_type_of(const void *object)
{
    struct question question = {object, NULL};
    collector_exclude(ask_all, &question);
    return question.answer;
}

/* ---- The steps of a collection ---- */

void registry_each_of_kind(const struct registry_kind *kind, void (*visit)(struct registry *registry, void *owner))
{
    for (struct registry *registry = load_acquire(&registries); registry != NULL;
         registry = load_acquire(&registry->next))
        if (registry->kind == kind)
            visit(registry, registry->owner);
}

void registry_scan(struct registry *registry, bool (*visit)(void *object))
{
    FOR_EACH_CHUNK(chunk, registry)
    {
        unsigned taken = words_taken(chunk), occupied = 0, settled = 0;
        atomic_word *words = load_relaxed(&chunk->words);
        for (unsigned i = 0; i < taken; i++) {
            uintptr_t word = load_relaxed(&words[i]);
            occupied += word != HOLE;
            if (word != 0 && word != HOLE)
                settled += visit((void *)word);
        }
        chunk->occupied = occupied;
        chunk->scanned = settled == occupied;
    }
}

/* How many objects ahead their bytes, and then what their bytes lead to, are fetched. */
enum { OBJECTS_AHEAD = 24, PLACES_AHEAD = 12 };

/* The words of a chunk whose subjects are unmarked. */
static size_t find_unmarked(struct registry *registry, const uintptr_t *words, unsigned count, uint16_t *indices)
{
    const struct registry_kind *kind = registry->kind;
    if (kind->subject == NULL)
        return collector_find_unmarked(words, count, indices);
    size_t found = 0;
    for (unsigned i = 0; i < count; i++) {
        if (words[i] == 0 || words[i] == HOLE)
            continue;
        const void *subject = kind->subject((void *)words[i]);
        if (subject != NULL && !collector_is_marked(subject))
            indices[found++] = (uint16_t)i;
    }
    return found;
}

static void doubt_chunk(struct registry *registry, struct chunk *chunk)
{
    const struct registry_kind *kind = registry->kind;
    /* The world is stopped: these are ordinary words. */
    uintptr_t *words = (uintptr_t *)load_relaxed(&chunk->words);
    uint16_t unmarked[CHUNK_WORDS];
    unsigned taken = words_taken(chunk), occupied = 0;
    size_t count = find_unmarked(registry, words, taken, unmarked);
    for (unsigned i = 0; i < taken; i++)
        occupied += words[i] != HOLE;
    for (size_t i = 0; i < count; i++) {
        if (kind->prefetch != NULL) {
            if (i + OBJECTS_AHEAD < count)
                __builtin_prefetch((const void *)words[unmarked[i + OBJECTS_AHEAD]]);
            if (i + PLACES_AHEAD < count)
                kind->prefetch(registry->context, (const void *)words[unmarked[i + PLACES_AHEAD]]);
        }
        words[unmarked[i]] = kind->doubt(registry->context, (void *)words[unmarked[i]]);
    }
    chunk->occupied = occupied;
    chunk->doubted = count > 0;
}

void registry_mark_end(void)
{
    for (struct registry *registry = load_acquire(&registries); registry != NULL;
         registry = load_acquire(&registry->next)) {
        registry->owner_doubted = registry->owner != NULL && !collector_is_marked(registry->owner);
        if (registry->keep != NULL)
            continue;
        FOR_EACH_CHUNK(chunk, registry)
        {
            if (!chunk->scanned)
                doubt_chunk(registry, chunk);
            chunk->scanned = false;
        }
    }
}

static void settle_chunk(struct registry *registry, struct chunk *chunk)
{
    unsigned taken = words_taken(chunk);
    atomic_word *words = load_relaxed(&chunk->words);
    for (unsigned i = 0; i < taken; i++) {
        uintptr_t word = load_relaxed(&words[i]);
        if (i + PLACES_AHEAD < taken)
            __builtin_prefetch((const void *)load_relaxed(&words[i + PLACES_AHEAD]));
        if ((word & 1) == 0)
            continue;
        void *object = registry->kind->settle(registry->context, word);
        if (object == NULL) {
            chunk->occupied--;
            add_relaxed(&registry->evicted, 1u);
        }
        /* Release: an iterator that finds the object again finds its slot restored. */
        store_release(&words[i], object != NULL ? (uintptr_t)object : HOLE);
    }
    chunk->doubted = false;
}

/* An empty chunk's memory goes back to the system, the chunk to the spare ones. */
static void give_back_chunk(struct registry *registry, struct chunk *chunk)
{
    pages_give_back((void *)load_relaxed(&chunk->words), PAGE_BYTES);
    store_relaxed(&chunk->spare, true);
    chunk->next_spare = load_relaxed(&registry->spare);
    while (!cas_release(&registry->spare, &chunk->next_spare, chunk)) /* release: the emptied words */
        ;
}

/* Moves the words of a chunk into the holes of another; from *hole on. True where all found room. */
static bool pour(struct chunk *from, struct chunk *into, unsigned *hole)
{
    atomic_word *source = load_relaxed(&from->words), *target = load_relaxed(&into->words);
    for (unsigned i = 0; i < CHUNK_WORDS; i++) {
        uintptr_t word = load_relaxed(&source[i]);
        if (word == HOLE)
            continue;
        while (*hole < CHUNK_WORDS && load_relaxed(&target[*hole]) != HOLE)
            ++*hole;
        if (*hole == CHUNK_WORDS)
            return false;
        store_relaxed(&target[*hole], word);
        store_relaxed(&source[i], (uintptr_t)HOLE);
        from->occupied--;
        into->occupied++;
    }
    return true;
}

/* Whether no thread will ever store into this chunk again: full, and nothing reserved is missing. Counts anew what is
 * in it, since threads have stored after mark_end. */
static bool is_closed(struct chunk *chunk)
{
    if (words_taken(chunk) < CHUNK_WORDS)
        return false;
    atomic_word *words = load_relaxed(&chunk->words);
    unsigned occupied = 0;
    for (unsigned i = 0; i < CHUNK_WORDS; i++) {
        uintptr_t word = load_relaxed(&words[i]);
        if (word == 0)
            return false;
        occupied += word != HOLE;
    }
    chunk->occupied = occupied;
    return true;
}

/* Long-lived objects among many short-lived ones would each hold a page of words: pours sparse chunks together.
 * The order of allocation is kept well enough, since neighbours in the walk are poured together. */
static void compact(struct registry *registry)
{
    struct chunk *into = NULL;
    unsigned hole = 0;
    FOR_EACH_CHUNK(chunk, registry)
    {
        if (chunk->occupied > SPARSE || !is_closed(chunk) || chunk->occupied > SPARSE)
            continue;
        if (chunk->occupied > 0 && into != NULL && !pour(chunk, into, &hole))
            into = NULL;
        if (chunk->occupied == 0) {
            give_back_chunk(registry, chunk);
        } else if (into == NULL) {
            into = chunk;
            hole = 0;
        }
    }
}

static void destroy(struct registry *registry)
{
    if (registry->kind->destroy != NULL)
        registry->kind->destroy(registry->outside);
    for (struct slab *slab = load_relaxed(&registry->first_slab.next); slab != NULL;) {
        struct slab *next = load_relaxed(&slab->next);
        pages_free(slab, SLAB_BYTES);
        slab = next;
    }
    pages_free(registry, SLAB_BYTES);
}

/* Takes a registry out of the list. Others only push at the head meanwhile. */
static void unlink_registry(struct registry *registry)
{
    struct registry *next = load_relaxed(&registry->next), *expected = registry;
    if (cas_acquire(&registries, &expected, next))
        return;
    struct registry *before = load_acquire(&registries);
    while (load_relaxed(&before->next) != registry)
        before = load_relaxed(&before->next);
    store_relaxed(&before->next, next);
}

void registry_reclaim_end(void)
{
    for (struct registry *registry = load_acquire(&registries), *next; registry != NULL; registry = next) {
        next = load_acquire(&registry->next);
        if (registry->owner_doubted && !collector_survived(registry->owner)) {
            unlink_registry(registry);
            destroy(registry);
            continue;
        }
        bool evicted = false;
        FOR_EACH_CHUNK(chunk, registry)
        {
            if (!chunk->doubted)
                continue;
            settle_chunk(registry, chunk);
            evicted = true;
        }
        if (!evicted)
            continue;
        if (load_acquire(&registry->iterators) == 0)
            compact(registry);
        if (registry->kind->care != NULL) {
            store_relaxed(&registry->wants_care, true);
            store_relaxed(&somebody_wants_care, true);
        }
    }
}

/* ---- Care ---- */

struct care {
    struct registry *registry;
    void *owner;
};

/* No collection runs, so all owners are settled: those that are left live, and this one is held from here on. */
static void find_one(void *data)
{
    struct care *care = data;
    struct registry *registry = load_acquire(&registries);
    while (registry != NULL && !load_relaxed(&registry->wants_care))
        registry = load_acquire(&registry->next);
    if (registry != NULL)
        store_relaxed(&registry->wants_care, false);
    care->registry = registry;
    care->owner = registry != NULL ? registry->owner : NULL;
}

void registry_care(void)
{
    add_relaxed(&carers, 1u);
    while (atomic_exchange_explicit(&somebody_wants_care, false, memory_order_relaxed)) {
        for (struct care care;;) {
            collector_exclude(find_one, &care);
            if (care.registry == NULL)
                break;
            care.registry->kind->care(care.registry->context);
            keep_reachable(care.owner);
        }
    }
    atomic_fetch_sub_explicit(&carers, 1u, memory_order_release);
}

void registry_wait_cared(void)
{
    registry_care();
    for (unsigned turns = 0; load_acquire(&carers) != 0;) /* acquire: what the others did is seen */
        sync_wait_step(&turns);
}

bool registry_wants_care(void)
{
    return load_relaxed(&somebody_wants_care);
}

void registry_fork_prepare(void)
{
    spin_acquire(&growth_lock);
}

void registry_fork_parent(void)
{
    spin_release(&growth_lock);
}

void registry_fork_child(void)
{
    store_relaxed(&carers, 0u);
    spin_release(&growth_lock);
}
