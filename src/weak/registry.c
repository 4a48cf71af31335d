/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "weak/registry.h"

#include "base/pages.h"
#include "base/park.h"
#include "collector/collector.h"
#include "collector/epoch.h"
#include "weak/chunks.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

struct registry *_Atomic registry_list;
void (*registry_observer)(const void *object);
_Thread_local struct registry_amidst registry_amidst;

/* Protects the taking of new chunks, in every registry: once in MOST_WORDS objects. */
static spin_lock growth_lock;

struct registry *registry_new(const struct registry_kind *kind, void *owner, void *context, void *_Atomic *keep)
{
    struct registry *registry = collector_alloc_plain(sizeof *registry);
    if (registry == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    memset((void *)registry, 0, sizeof *registry);
    registry->kind = kind;
    registry->owner = owner;
    registry->context = context;
    registry->keep = keep;
    if (keep == NULL) {
        registry->first.room = FIRST_WORDS;
        registry->first.words = registry->first_words;
        store_relaxed(&registry->chunks, &registry->first);
        store_relaxed(&registry->only_lane.open, &registry->first);
    }
    struct registry *head = load_relaxed(&registry_list);
    do
        store_relaxed(&registry->next, head);
    while (!cas_release(&registry_list, &head, registry)); /* release: a thread that finds it finds it filled in */
    if (unlikely(registry_observer != NULL) && owner != NULL)
        registry_observer(owner);
    return registry;
}

void *registry_outside(struct registry *registry)
{
    return registry->outside;
}

/* ---- Taking words ---- */

static bool is_full(struct chunk *chunk)
{
    return chunk == NULL || load_relaxed(&chunk->used) >= chunk->room;
}

/* About as many words as the registry has objects: a power of two, so that chunks have few sizes. */
static unsigned room_wanted(struct registry *registry)
{
    uint64_t count = registry_estimate(registry);
    unsigned room = FEWEST_WORDS;
    while (room < MOST_WORDS && 2 * room <= count)
        room *= 2;
    return room < MOST_WORDS ? room : MOST_WORDS;
}

static bool is_large(struct registry *registry)
{
    return registry->keep == NULL && registry_estimate(registry) >= LARGE_FROM;
}

/* Without words where they are to stand in a page. */
static struct chunk *new_chunk(struct registry *registry, bool has_page)
{
    unsigned room = room_wanted(registry);
    size_t bytes = has_page ? (size_t)CHUNK_ALONE_BYTES : chunk_bytes(room);
    struct chunk *chunk = registry->keep != NULL ? collector_alloc_scanned(bytes) : collector_alloc_plain(bytes);
    if (chunk == NULL)
        return NULL;
    memset((void *)chunk, 0, bytes);
    chunk->room = room;
    chunk->has_page = has_page;
    chunk->words = has_page ? NULL : (atomic_word *)(chunk + 1);
    return chunk;
}

static struct slab *new_slab(void)
{
    struct slab *slab = collector_alloc_plain(sizeof *slab);
    if (slab == NULL)
        return NULL;
    *slab = (struct slab){.pages = pages_alloc((size_t)PAGES_AT_ONCE * PAGE_BYTES)};
    return slab->pages != NULL ? slab : NULL;
}

static struct lanes *new_lanes(void)
{
    struct lanes *lanes = collector_alloc_plain(sizeof *lanes);
    if (lanes != NULL) {
        memset((void *)lanes, 0, sizeof *lanes);
        store_relaxed(&lanes->used, (unsigned)LEAST_LANES);
    }
    return lanes;
}

/* The lock is held, here and below. */
static void put_in(struct registry *registry, struct lane *lane, struct chunk *chunk)
{
    struct chunk *newest = load_relaxed(&registry->chunks);
    do
        store_relaxed(&chunk->next, newest);
    while (!cas_release(&registry->chunks, &newest, chunk)); /* release: the steps walk the chunks without the lock */
    if (registry->keep != NULL)
        store_release(registry->keep, (void *)chunk);
    store_release(&lane->open, chunk);   /* release: a thread that takes a word finds it empty */
}

/* A chunk whose page was given back is used again. */
static bool open_spare(struct registry *registry, struct lane *lane)
{
    /* Acquire: its words were emptied before. Others only push meanwhile, so the head cannot come back changed. */
    struct chunk *chunk = load_acquire(&registry->spare);
    while (chunk != NULL && !cas_acquire(&registry->spare, &chunk, chunk->next_spare))
        chunk = load_acquire(&registry->spare);
    if (chunk == NULL)
        return false;
    store_relaxed(&chunk->spare, false);
    store_release(&chunk->used, 0u);     /* release, both: as in put_in */
    store_release(&lane->open, chunk);
    return true;
}

static bool give_page(struct registry *registry, struct chunk *chunk)
{
    struct slab *slab = load_relaxed(&registry->slabs);
    if (slab == NULL || slab->used == PAGES_AT_ONCE)
        return false;
    chunk->words = (atomic_word *)(void *)(slab->pages + (size_t)PAGE_BYTES * slab->used++);
    return true;
}

/* Who has lane 0 goes on with the chunk that all have shared. */
static void part(struct registry *registry, struct lanes *lanes)
{
    if (load_relaxed(&registry->lanes) != NULL)
        return;
    store_relaxed(&lanes->of[0].open, load_relaxed(&registry->only_lane.open));
    store_release(&registry->lanes, lanes);   /* release: they are filled in */
}

/* Threads that have shared a lane part, each with a chunk of its own. Relaxed: all lanes are there from the
 * beginning. */
static void widen(struct registry *registry)
{
    struct lanes *lanes = load_relaxed(&registry->lanes);
    unsigned used = lanes != NULL ? load_relaxed(&lanes->used) : MOST_LANES;
    if (used < MOST_LANES && registry_estimate(registry) >= 2 * (uint64_t)used * A_LANE)
        store_relaxed(&lanes->used, 2 * used);
}

/* What a chunk that is opened may need. */
struct supply {
    struct chunk *chunk;
    struct slab *slab;
    struct lanes *lanes;
};

/* False: a slab is wanted. What it leaves is not needed. */
static bool open_with(struct registry *registry, struct lane *lane, struct supply *supply)
{
    /* Where another thread has been faster, its chunk serves. */
    if (is_full(load_relaxed(&lane->open)) && !(supply->chunk->has_page && open_spare(registry, lane))) {
        bool has_words = !supply->chunk->has_page || give_page(registry, supply->chunk);
        if (!has_words && supply->slab != NULL) {
            supply->slab->older = load_relaxed(&registry->slabs);
            store_release(&registry->slabs, supply->slab);   /* release: collections find it filled in */
            supply->slab = NULL;
            has_words = give_page(registry, supply->chunk);
        }
        if (!has_words)
            return false;
        put_in(registry, lane, supply->chunk);
    }
    if (supply->lanes != NULL)
        part(registry, supply->lanes);
    widen(registry);
    return true;
}

/* Gives the lane a chunk with free words; false with ENOMEM. What has to be allocated is allocated first; what is not
 * needed then is collected. */
static bool open_chunk(struct registry *registry, struct lane *lane)
{
    bool large = is_large(registry), opened;
    struct supply supply = {.chunk = new_chunk(registry, large)};
    if (large && load_relaxed(&registry->lanes) == NULL)
        supply.lanes = new_lanes();
    do {
        spin_acquire(&growth_lock);
        opened = supply.chunk != NULL && open_with(registry, lane, &supply);
        spin_release(&growth_lock);
    } while (!opened && supply.chunk != NULL && (supply.slab = new_slab()) != NULL);
    if (supply.slab != NULL)
        pages_free(supply.slab->pages, (size_t)PAGES_AT_ONCE * PAGE_BYTES);
    if (!opened) {
        errno = ENOMEM;
        return false;
    }
    if (registry->keep != NULL) {
        collector_wrote(supply.chunk);
        collector_wrote(registry->owner);
        keep_reachable(supply.chunk);   /* until the collector knows of what leads to it */
    }
    return true;
}

static inline struct lane *lane_of(struct registry *registry, unsigned number)
{
    struct lanes *lanes = load_acquire(&registry->lanes);   /* acquire: pairs with part */
    return lanes != NULL ? &lanes->of[number & (load_relaxed(&lanes->used) - 1)] : &registry->only_lane;
}

/* A word of the lane's chunk; NULL: it is full. */
static inline atomic_word *take_word(struct registry *registry, struct lane *lane)
{
    /* Acquire: pairs with put_in. From here on the chunk is held, though it be taken out. */
    struct chunk *chunk = load_acquire(&lane->open);
    if (unlikely(is_full(chunk)))
        return NULL;
    unsigned index = add_relaxed(&chunk->used, 1u);
    if (unlikely(index >= chunk->room))
        return NULL;
    if (unlikely(index % REGISTRY_ROUND == REGISTRY_ROUND - 1 || index == chunk->room - 1))
        add_relaxed(&registry->rounds, index % REGISTRY_ROUND + 1u);
    return &chunk->words[index];
}

static __attribute__((noinline)) atomic_word *take_word_of_new_chunk(struct registry *registry, unsigned number)
{
    for (;;) {
        struct lane *lane = lane_of(registry, number);
        atomic_word *word = take_word(registry, lane);
        if (word != NULL || !open_chunk(registry, lane))
            return word;
    }
}

atomic_word *registry_reserve(struct registry *registry, unsigned lane)
{
    atomic_word *word = take_word(registry, lane_of(registry, lane));
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
    sub_relaxed(&registry->rounds, 1u);
}

/* Of a registry without lanes, exactly: what the only one has added since its last round number counts as well. */
static uint64_t begun_round(struct registry *registry)
{
    struct chunk *chunk = load_acquire(&registry->only_lane.open);   /* acquire: as in take_word */
    if (load_relaxed(&registry->lanes) != NULL || is_full(chunk))
        return 0;
    return words_taken(chunk) % REGISTRY_ROUND;
}

uint64_t registry_estimate(struct registry *registry)
{
    int64_t count =
        (int64_t)(load_relaxed(&registry->rounds) + begun_round(registry) - load_relaxed(&registry->evicted));
    return count > 0 ? (uint64_t)count : 0;
}

uint64_t registry_evicted(struct registry *registry)
{
    return load_relaxed(&registry->evicted);
}

uint64_t registry_bytes(struct registry *registry)
{
    uint64_t bytes = sizeof *registry;
    FOR_EACH_CHUNK(chunk, registry)
        bytes += chunk->has_page             ? CHUNK_ALONE_BYTES + PAGE_BYTES
                 : chunk != &registry->first ? chunk_bytes(chunk->room)
                                             : 0;
    return bytes + (load_relaxed(&registry->lanes) != NULL ? sizeof(struct lanes) : 0);
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

static bool is_marked(const void *object)
{
    return collector_is_marked(object);
}

/* The object in a word under a pointer that keeps it alive, or NULL for a hole. */
static void *strong_read(struct registry *registry, atomic_word *word)
{
    for (;;) {
        uint64_t decided = epoch_decided();
        uintptr_t seen = load_acquire(word);    /* acquire: the object is filled in */
        if (seen == 0 || seen == HOLE)
            return NULL;
        void *object = (void *)seen;
        if ((seen & 1) == 0) {
            if (epoch_holds(decided, &object))
                return object;
            enum epoch_answer answer =
                epoch_look(word, seen, object, registry->kind->lives != NULL ? registry->kind->lives : is_marked);
            keep_reachable(object);
            if (answer == EPOCH_LIVES)
                return object;
            if (answer == EPOCH_AGAIN)
                continue;
        }
        collector_wait();
    }
}

static bool visit_chunk(struct registry *registry, struct chunk *chunk, bool (*visit)(void *object, void *context),
                        void *context)
{
    bool go_on = true;
    unsigned taken = words_taken(chunk);
    for (unsigned i = 0; go_on && i < taken; i++) {
        void *object = strong_read(registry, &chunk->words[i]);
        if (object != NULL)
            go_on = visit(object, context);
        keep_reachable(object);
    }
    return go_on;
}

bool registry_each(struct registry *registry, bool (*visit)(void *object, void *context), void *context)
{
    int before = errno, cancellation = cancellation_off();
    struct iteration iteration = {registry_amidst.iterations, registry};
    collector_exclude(count_iterator, registry);
    registry_amidst.iterations = &iteration;
    bool to_the_end = true;
    /* From the newest on: those that come from now on are not visited; the visits themselves may be what fills them,
     * for ever. */
    FOR_EACH_CHUNK(chunk, registry)
    {
        to_the_end = visit_chunk(registry, chunk, visit, context);
        if (!to_the_end)
            break;
    }
    registry_amidst.iterations = iteration.outer;
    sub_release(&registry->iterators, 1u);   /* release: pairs with compact, after every word was read */
    cancellation_restore(cancellation);
    errno = before;
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
        for (unsigned i = words_taken(chunk); i-- > 0;)
            if (load_relaxed(&chunk->words[i]) == (uintptr_t)object)
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

/* A thread that asks holds up the collector while it waits for the owners of stripes. A fork owns all stripes, and
 * waits for the collector. So it takes this lock first: it begins while no thread asks. */
static pthread_mutex_t asking = PTHREAD_MUTEX_INITIALIZER;

const char *registry_type_of(const void *object)
{
    struct question question = {object, NULL};
    pthread_mutex_lock(&asking);
    collector_exclude(ask_all, &question);
    pthread_mutex_unlock(&asking);
    return question.answer;
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
    /* Of all iterations, only those of this thread go on. */
    registry_care_fork_child();
    for (struct registry *registry = load_relaxed(&registry_list); registry != NULL;
         registry = load_relaxed(&registry->next))
        store_relaxed(&registry->iterators, 0u);
    for (struct iteration *iteration = registry_amidst.iterations; iteration != NULL; iteration = iteration->outer)
        add_relaxed(&iteration->registry->iterators, 1u);
    registry_fork_parent();
}
