/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "weak/registry.h"

#include "collector/collector.h"
#include "weak/chunks.h"

void registry_each_of_kind(const struct registry_kind *kind, void (*visit)(struct registry *registry, void *owner))
{
    for (struct registry *registry = load_acquire(&registry_list); registry != NULL;
         registry = load_acquire(&registry->next))
        if (registry->kind == kind)
            visit(registry, registry->owner);
}

/* Words stand for objects in doubt, and what a scan finds out comes too late for registry_mark_end. */
static bool in_doubt;

void registry_scan(struct registry *registry, bool (*visit)(uintptr_t word))
{
    FOR_EACH_CHUNK(chunk, registry)
    {
        unsigned taken = words_taken(chunk), occupied = 0, settled = 0;
        atomic_word *words = load_relaxed(&chunk->words);
        for (unsigned i = 0; i < taken; i++) {
            uintptr_t word = load_relaxed(&words[i]);
            occupied += word != HOLE;
            if (word != 0 && word != HOLE)
                settled += visit(word);
        }
        if (in_doubt)
            continue;
        chunk->occupied = occupied;
        chunk->scanned = settled == occupied;
    }
}

static void visit_doomed(struct registry *registry, struct chunk *chunk,
                         void (*visit)(const struct registry_kind *kind, void *context, const void *object))
{
    atomic_word *words = load_relaxed(&chunk->words);
    for (unsigned i = words_taken(chunk); i-- > 0;) {
        uintptr_t word = load_relaxed(&words[i]);
        struct registry_description unused;
        if (word != 0 && word != HOLE && !collector_lives((const void *)word) &&
            registry->kind->describe(registry->context, (const void *)word, &unused))
            visit(registry->kind, registry->context, (const void *)word);
    }
}

void registry_each_doomed(void (*visit)(const struct registry_kind *kind, void *context, const void *object))
{
    for (struct registry *registry = load_acquire(&registry_list); registry != NULL;
         registry = load_acquire(&registry->next)) {
        const struct registry_kind *kind = registry->kind;
        if (registry->owner != NULL && kind->owner_name != NULL && !collector_lives(registry->owner))
            visit(kind, NULL, registry->owner);
        if (kind->describe == NULL || (registry->keep != NULL && collector_lives(registry->owner)))
            continue;
        FOR_EACH_CHUNK(chunk, registry)
            visit_doomed(registry, chunk, visit);
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
    bool all = kind->doubts_with_owner && registry->owner_doubted;
    size_t found = 0;
    for (unsigned i = 0; i < count; i++) {
        if (words[i] == 0 || words[i] == HOLE)
            continue;
        const void *subject = kind->subject((void *)words[i]);
        if (all || (subject != NULL && !collector_lives(subject)))
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
    chunk->doubted = count > 0;
    if (count == 0)
        return;
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
}

void registry_mark_end(void)
{
    for (struct registry *registry = load_acquire(&registry_list); registry != NULL;
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
    in_doubt = true;
}

/* Answers how many were evicted. */
static unsigned settle_chunk(struct registry *registry, struct chunk *chunk)
{
    unsigned taken = words_taken(chunk);
    atomic_word *words = load_relaxed(&chunk->words);
    unsigned evicted = 0;
    for (unsigned i = 0; i < taken; i++) {
        uintptr_t word = load_relaxed(&words[i]);
        if (i + PLACES_AHEAD < taken)
            __builtin_prefetch((const void *)load_relaxed(&words[i + PLACES_AHEAD]));
        if ((word & 1) == 0)
            continue;
        void *object = registry->kind->settle(registry->context, word);
        evicted += object == NULL;
        /* Release: an iterator that finds the object again finds its slot restored. */
        store_release(&words[i], object != NULL ? (uintptr_t)object : HOLE);
    }
    chunk->occupied -= evicted;
    chunk->doubted = false;
    add_relaxed(&registry->evicted, evicted);
    return evicted;
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

size_t registry_passed;

/* Takes a registry out of the list, of which `before` is the one in front of it, or NULL where it was the first. Answers
 * the one in front of it now: others only push at the head meanwhile. */
static struct registry *unlink_registry(struct registry *registry, struct registry *before)
{
    struct registry *next = load_relaxed(&registry->next), *expected = registry;
    if (before == NULL) {
        if (cas_acq_rel(&registry_list, &expected, next)) /* acquire: the links of what was pushed are seen */
            return NULL;
        /* Only those that were pushed since the walk began come before it. */
        for (before = expected; load_relaxed(&before->next) != registry; before = load_relaxed(&before->next))
            registry_passed++;
    }
    store_relaxed(&before->next, next);
    return before;
}

static uint64_t settle_registries(bool owner_doubted)
{
    uint64_t evicted = 0;
    struct registry *before = NULL;
    for (struct registry *registry = load_acquire(&registry_list), *next; registry != NULL; registry = next) {
        next = load_acquire(&registry->next);
        if (owner_doubted && registry->owner_doubted && !collector_survived(registry->owner)) {
            before = unlink_registry(registry, before);
            destroy(registry);
            continue;
        }
        before = registry;
        if (registry->owner_doubted != owner_doubted)
            continue;
        bool doubted = false;
        FOR_EACH_CHUNK(chunk, registry)
        {
            if (!chunk->doubted)
                continue;
            evicted += settle_chunk(registry, chunk);
            doubted = true;
        }
        if (!doubted)
            continue;
        if (load_acquire(&registry->iterators) == 0)
            compact(registry);
        if (registry->kind->care != NULL) {
            store_relaxed(&registry->wants_care, true);
            store_relaxed(&registry_care_wanted, true);
        }
    }
    return evicted;
}

uint64_t registry_reclaim_end(void)
{
    /* Owners that come back first: as soon as their own weak words are settled, others may look into them. */
    uint64_t evicted = settle_registries(true);
    evicted += settle_registries(false);
    in_doubt = false;
    return evicted;
}
