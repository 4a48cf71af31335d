/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "weak/registry.h"

#include "base/pages.h"
#include "collector/collector.h"
#include "weak/chunks.h"

void registry_each_of_kind(const struct registry_kind *kind, void (*visit)(struct registry *registry, void *owner))
{
    for (struct registry *registry = load_acquire(&registry_list), *next; registry != NULL; registry = next) {
        next = load_acquire(&registry->next);
        __builtin_prefetch(next);
        if (registry->kind == kind)
            visit(registry, registry->owner);
    }
}

/* How many objects ahead their bytes, and then what their bytes lead to, are fetched. */
enum { OBJECTS_AHEAD = 24, PLACES_AHEAD = 12 };

/* The first of them, so that small chunks are fetched as well. */
static void prefetch_first(struct chunk *chunk, unsigned count)
{
    for (unsigned i = 0; i < count && i < OBJECTS_AHEAD; i++)
        __builtin_prefetch((const void *)load_relaxed(&chunk->words[i]));
}

/* Words stand for objects in doubt, and what a scan finds out comes too late for registry_decide. */
static bool in_doubt;

/* Of the collection that runs: owners that it has not marked, and objects that it has not. */
static size_t owners_doubted, objects_doubted;

void registry_scan(struct registry *registry, bool (*visit)(uintptr_t word))
{
    FOR_EACH_CHUNK(chunk, registry)
    {
        unsigned taken = words_taken(chunk), occupied = 0, settled = 0;
        prefetch_first(chunk, taken);
        for (unsigned i = 0; i < taken; i++) {
            uintptr_t word = load_relaxed(&chunk->words[i]);
            if (i + OBJECTS_AHEAD < taken)
                __builtin_prefetch((const void *)load_relaxed(&chunk->words[i + OBJECTS_AHEAD]));
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
    for (unsigned i = words_taken(chunk); i-- > 0;) {
        uintptr_t word = load_relaxed(&chunk->words[i]);
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

/* The words of a chunk whose subjects are unmarked. Other threads store objects meanwhile; those are marked, since they
 * are new or were held when the world was stopped. */
static size_t find_unmarked(struct registry *registry, struct chunk *chunk, unsigned count, uint16_t *indices)
{
    atomic_word *words = chunk->words;
    const struct registry_kind *kind = registry->kind;
    if (kind->subject == NULL)
        return collector_find_unmarked(words, count, indices);
    bool all = kind->doubts_with_owner && registry->owner_doubted;
    size_t found = 0;
    prefetch_first(chunk, count);
    for (unsigned i = 0; i < count; i++) {
        if (i + OBJECTS_AHEAD < count)
            __builtin_prefetch((const void *)load_relaxed(&words[i + OBJECTS_AHEAD]));
        uintptr_t word = load_acquire(&words[i]);   /* acquire: the object is filled in */
        if (word == 0 || word == HOLE)
            continue;
        const void *subject = kind->subject((void *)word);
        if (all || (subject != NULL && !collector_lives(subject)))
            indices[found++] = (uint16_t)i;
    }
    return found;
}

static void doubt_chunk(struct registry *registry, struct chunk *chunk)
{
    const struct registry_kind *kind = registry->kind;
    atomic_word *words = chunk->words;
    uint16_t unmarked[MOST_WORDS];
    unsigned taken = words_taken(chunk), occupied = 0;
    size_t count = find_unmarked(registry, chunk, taken, unmarked);
    chunk->doubted = count > 0;
    objects_doubted += count;
    if (count == 0)
        return;
    for (unsigned i = 0; i < taken; i++)
        occupied += load_relaxed(&words[i]) != HOLE;
    for (size_t i = 0; i < count; i++) {
        if (kind->prefetch != NULL) {
            if (i + OBJECTS_AHEAD < count)
                __builtin_prefetch((const void *)load_relaxed(&words[unmarked[i + OBJECTS_AHEAD]]));
            if (i + PLACES_AHEAD < count)
                kind->prefetch(registry->context, (const void *)load_relaxed(&words[unmarked[i + PLACES_AHEAD]]));
        }
        /* No other thread changes the word of an object. Release: for iterators, as in settle_chunk. */
        atomic_word *word = &words[unmarked[i]];
        store_release(word, kind->doubt(registry->context, (void *)load_relaxed(word)));
    }
    chunk->occupied = occupied;
}

/* The registry, and what belongs to it, is in use until the step that finds its owner dead has ended. Chunks that are
 * kept through the owner are marked with it. */
static void mark_registry(struct registry *registry)
{
    collector_mark(registry);
    if (load_relaxed(&registry->lanes) != NULL)
        collector_mark(load_relaxed(&registry->lanes));
    for (struct slab *slab = load_relaxed(&registry->slabs); slab != NULL; slab = slab->older)
        collector_mark(slab);
    if (registry->keep != NULL)
        return;
    for (struct chunk *chunk = load_acquire(&registry->chunks); chunk != NULL; chunk = load_acquire(&chunk->next))
        if (chunk != &registry->first)
            collector_mark(chunk);
}

void registry_decide(void)
{
    for (struct registry *registry = load_acquire(&registry_list), *next; registry != NULL; registry = next) {
        next = load_acquire(&registry->next);
        __builtin_prefetch(next);
        mark_registry(registry);
        registry->owner_doubted = registry->owner != NULL && !collector_is_marked(registry->owner);
        owners_doubted += registry->owner_doubted;
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
    atomic_word *words = chunk->words;
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

/* Moves the words of a chunk into the holes of another; from *hole on. True where all found room. */
static bool pour(struct chunk *from, struct chunk *into, unsigned *hole)
{
    atomic_word *source = from->words, *target = into->words;
    for (unsigned i = 0; i < from->room; i++) {
        uintptr_t word = load_relaxed(&source[i]);
        if (word == HOLE)
            continue;
        while (*hole < into->room && load_relaxed(&target[*hole]) != HOLE)
            ++*hole;
        if (*hole == into->room)
            return false;
        store_relaxed(&target[*hole], word);
        store_relaxed(&source[i], (uintptr_t)HOLE);
        from->occupied--;
        into->occupied++;
    }
    return true;
}

/* Whether no thread will ever store into this chunk again, full as it is, with nothing reserved missing, and at most a
 * quarter of its words are objects. Counts anew what is in it, since threads have stored meanwhile. */
static bool is_sparse(struct chunk *chunk)
{
    if (chunk->occupied > chunk->room / 4 || words_taken(chunk) < chunk->room)
        return false;
    unsigned occupied = 0;
    for (unsigned i = 0; i < chunk->room; i++) {
        uintptr_t word = load_relaxed(&chunk->words[i]);
        if (word == 0)
            return false;
        occupied += word != HOLE;
    }
    chunk->occupied = occupied;
    return occupied <= chunk->room / 4;
}

/* Nobody finds the chunk any more; a thread that holds it finds it full. */
static void close_lane(struct lane *lane, struct chunk *chunk)
{
    (void)cas_relaxed(&lane->open, &chunk, NULL);
}

/* Takes an empty chunk out of its registry, where `before` is the newer one, or NULL; answers it. */
static struct chunk *take_out(struct registry *registry, struct chunk *chunk, struct chunk *before)
{
    struct lanes *lanes = load_acquire(&registry->lanes);   /* acquire: they are filled in */
    close_lane(&registry->only_lane, chunk);
    for (unsigned i = 0; lanes != NULL && i < MOST_LANES; i++)
        close_lane(&lanes->of[i], chunk);
    struct chunk *older = load_relaxed(&chunk->next), *expected = chunk;
    if (before == NULL) {
        if (cas_acq_rel(&registry->chunks, &expected, older))   /* acquire: the links of what was pushed are seen */
            return NULL;
        /* Only those that were put in since come before it. */
        before = expected;
        while (load_relaxed(&before->next) != chunk)
            before = load_relaxed(&before->next);
    }
    store_relaxed(&before->next, older);
    return before;
}

/* The page of an empty chunk goes back to the system, the chunk to the spare ones: it stays full for a thread that
 * still has it. */
static void give_back_chunk(struct registry *registry, struct chunk *chunk)
{
    pages_give_back(chunk->words, PAGE_BYTES);
    store_relaxed(&chunk->spare, true);
    chunk->next_spare = load_relaxed(&registry->spare);
    while (!cas_release(&registry->spare, &chunk->next_spare, chunk)) /* release: the emptied words */
        ;
}

/* Long-lived objects among many short-lived ones would each hold a page of words: pours sparse chunks together.
 * The order of allocation is kept well enough, since neighbours in the walk are poured together. */
static void compact(struct registry *registry)
{
    struct chunk *into = NULL, *before = NULL, *older;
    unsigned hole = 0;
    for (struct chunk *chunk = load_acquire(&registry->chunks); chunk != NULL; chunk = older) { /* acquire: as below */
        older = load_acquire(&chunk->next);   /* acquire: pairs with put_in */
        bool sparse = !load_relaxed(&chunk->spare) && is_sparse(chunk);
        if (sparse && chunk->occupied > 0 && into != NULL && !pour(chunk, into, &hole))
            into = NULL;
        if (sparse && chunk->occupied == 0 && !chunk->has_page) {
            before = take_out(registry, chunk, before);
            continue;
        }
        if (sparse && chunk->occupied == 0) {
            give_back_chunk(registry, chunk);
        } else if (sparse && into == NULL) {
            into = chunk;
            hole = 0;
        }
        before = chunk;
    }
}

static void destroy(struct registry *registry)
{
    if (registry->kind->destroy != NULL)
        registry->kind->destroy(registry->outside);
    for (struct slab *slab = load_relaxed(&registry->slabs); slab != NULL; slab = slab->older)
        pages_free(slab->pages, (size_t)PAGES_AT_ONCE * PAGE_BYTES);
}

size_t registry_passed;

/* Takes a registry out of the list, of which `before` is the one in front of it, or NULL where it was the first.
 * Answers the one in front of it now: others only push at the head meanwhile. */
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
    uint64_t evicted = owners_doubted > 0 ? settle_registries(true) : 0;
    if (objects_doubted > 0)
        evicted += settle_registries(false);
    owners_doubted = objects_doubted = 0;
    in_doubt = false;
    return evicted;
}
