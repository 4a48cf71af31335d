/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "weak/registry.h"

#include "base/park.h"
#include "collector/collector.h"
#include "weak/chunks.h"

#include <errno.h>
#include <pthread.h>

struct registry *_Atomic registry_list;
void (*registry_observer)(const void *object);
_Thread_local struct registry_amidst registry_amidst;

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
    struct registry *head = load_relaxed(&registry_list);
    do
        store_relaxed(&registry->next, head);
    while (!cas_release(&registry_list, &head, registry)); /* release: whoever finds it finds it filled in */
    if (unlikely(registry_observer != NULL) && owner != NULL)
        registry_observer(owner);
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
        spare = load_acquire(&registry->spare);
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
    if (unlikely(index % REGISTRY_ROUND == REGISTRY_ROUND - 1 || index == CHUNK_WORDS - 1))
        add_relaxed(&registry->rounds, index % REGISTRY_ROUND + 1u);
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

/* One for each call of registry_each that is under way; on its stack. */
struct iteration {
    struct iteration *outer;
    struct registry *registry;
};

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

static bool visit_chunk(struct chunk *chunk, bool (*visit)(void *object, void *context), void *context)
{
    if (load_acquire(&chunk->words) == NULL || load_relaxed(&chunk->spare)) /* acquire: pairs with take_chunk */
        return true;
    bool go_on = true;
    unsigned taken = words_taken(chunk);
    for (unsigned i = 0; go_on && i < taken; i++) {
        void *object = strong_read(load_relaxed(&chunk->words) + i);
        if (object != NULL)
            go_on = visit(object, context);
        keep_reachable(object);
    }
    return go_on;
}

bool registry_each(struct registry *registry, bool (*visit)(void *object, void *context), void *context)
{
    int cancellation = cancellation_off();
    struct iteration iteration = {registry_amidst.iterations, registry};
    collector_exclude(count_iterator, registry);
    registry_amidst.iterations = &iteration;
    /* Chunks that are made from now on are not visited: the visits themselves may be what fills them, for ever. */
    spin_acquire(&growth_lock);
    struct slab *last_slab = registry->last_slab;
    unsigned last_chunks = registry->chunks_made;
    spin_release(&growth_lock);
    bool to_the_end = true;
    for (struct slab *slab = &registry->first_slab; to_the_end && slab != NULL;
         slab = slab == last_slab ? NULL : load_acquire(&slab->next)) { /* acquire: pairs with open_chunk */
        unsigned chunks = slab == last_slab ? last_chunks : CHUNKS_PER_SLAB;
        for (unsigned i = 0; to_the_end && i < chunks; i++)
            to_the_end = visit_chunk(&slab->chunks[i], visit, context);
    }
    registry_amidst.iterations = iteration.outer;
    sub_release(&registry->iterators, 1u);   /* release: pairs with compact, after every word was read */
    cancellation_restore(cancellation);
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
    for (struct registry *registry = load_acquire(&registry_list); registry != NULL && question->answer == NULL;
         registry = load_acquire(&registry->next))
        if (registry->kind->type_of != NULL)
            question->answer = registry->kind->type_of(registry->context, question->object);
}

/* Who asks waits for the owners of stripes while he holds up the collector. A fork owns them all, and waits for the
 * collector: it begins when nobody asks. */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

const char *registry_type_of(const void *object)
{
    struct question question = {object, NULL};
    pthread_mutex_lock(&asking);
    collector_exclude(ask_all, &question);
    pthread_mutex_unlock(&asking);
    return question.answer;
}

/* ---- Care ---- */

atomic_bool registry_care_wanted;
static atomic_uint carers;   /* threads amidst registry_care */

struct care {
    struct registry *registry;
    void *owner;
};

/* No collection runs, so all owners are settled: those that are left live, and this one is held from here on. */
static void find_one(void *data)
{
    struct care *care = data;
    struct registry *registry = load_acquire(&registry_list);
    while (registry != NULL && !load_relaxed(&registry->wants_care))
        registry = load_acquire(&registry->next);
    if (registry != NULL)
        store_relaxed(&registry->wants_care, false);
    care->registry = registry;
    care->owner = registry != NULL ? registry->owner : NULL;
}

void registry_care(void)
{
    /* A foreign finalizer may call from amidst it. */
    if (registry_amidst.care)
        return;
    int cancellation = cancellation_off();
    registry_amidst.care = true;
    add_relaxed(&carers, 1u);
    while (atomic_exchange_explicit(&registry_care_wanted, false, memory_order_relaxed)) {
        for (struct care care;;) {
            collector_exclude(find_one, &care);
            if (care.registry == NULL)
                break;
            care.registry->kind->care(care.registry->context);
            keep_reachable(care.owner);
        }
    }
    sub_release(&carers, 1u);   /* release: pairs with registry_wait_cared */
    registry_amidst.care = false;
    cancellation_restore(cancellation);
}

void registry_wait_cared(void)
{
    /* Two that waited for each other amidst it would wait for ever. */
    if (registry_amidst.care)
        return;
    registry_care();
    for (unsigned turns = 0; load_acquire(&carers) != 0;) /* acquire: what the others did is seen */
        sync_wait_step(&turns);
}

bool registry_wants_care(void)
{
    return load_relaxed(&registry_care_wanted);
}

/* ---- Around a fork ---- */

void registry_fork_prepare(void)
{
    pthread_mutex_lock(&asking);
    spin_acquire(&growth_lock);
}

void registry_fork_parent(void)
{
    spin_release(&growth_lock);
    pthread_mutex_unlock(&asking);
}

void registry_fork_child(void)
{
    /* Of what threads are amidst, only this one's goes on. */
    store_relaxed(&carers, registry_amidst.care);
    for (struct registry *registry = load_relaxed(&registry_list); registry != NULL;
         registry = load_relaxed(&registry->next))
        store_relaxed(&registry->iterators, 0u);
    for (struct iteration *iteration = registry_amidst.iterations; iteration != NULL; iteration = iteration->outer)
        add_relaxed(&iteration->registry->iterators, 1u);
    registry_fork_parent();
}
