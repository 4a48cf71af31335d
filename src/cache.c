#include "config.h"

#include <hapax/cache.h>

#include "collector.h"
#include "debug.h"
#include "executor.h"
#include "finalizer.h"
#include "flight.h"
#include "hash.h"
#include "memory.h"
#include "registry.h"
#include "thread.h"
#include "trie.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* Scanned, collected memory. */
struct hapax_cache {
    struct trie trie;
    struct registry *registry;
    void *(*create)(const void *key, size_t size, void *context, int *error);
    void *context;
};

/* A key and the weak word of its value. Plain memory: nothing in it keeps the value alive. An entry lives as long as its
 * value does; one that somebody holds for a moment longer (a search, a move inside the trie) stays in the trie as well,
 * with a dead word, and searches pass it by. */
struct entry {
    struct trie_object in_trie;
    atomic_word word;           /* the value undisguised; with TENTATIVE while a collection doubts it; 0: dead */
    const void *base;           /* of the value; NULL: static data, which never dies */
    size_t size;
    unsigned char key[];
};

/* Values may be odd, but no address of a user's has this bit. */
#define TENTATIVE ((uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1))

/* ---- A collection ---- */

/* An entry lives as long as its value; where that is dead already, until nobody holds it. */
static const void *subject(void *object)
{
    struct entry *entry = object;
    if (load_relaxed(&entry->word) == 0)
        return entry;
    if (entry->base == NULL || collector_is_marked(entry->base))
        collector_mark(entry);
    return entry->base;
}

/* What `settle` gets: the entry's place in the trie, or the entry itself with both low bits, where it stays there. */
#define ONLY_THE_WORD ((uintptr_t)3)

static uintptr_t doubt(void *context, void *object)
{
    struct hapax_cache *cache = context;
    struct entry *entry = object;
    uintptr_t word = load_relaxed(&entry->word);
    if (word != 0)
        store_relaxed(&entry->word, word | TENTATIVE); /* the world is stopped */
    bool held = collector_is_marked(entry);
    collector_mark(entry);  /* until it is settled */
    atomic_word *place = held ? NULL : trie_doubt(&cache->trie, &entry->in_trie);
    return place != NULL ? (uintptr_t)place | 1 : (uintptr_t)entry | ONLY_THE_WORD;
}

/* Whether the value lives on. */
static bool settle_word(const void *object)
{
    struct entry *entry = (struct entry *)(uintptr_t)object;
    uintptr_t word = load_relaxed(&entry->word);
    if (word == 0)
        return false;
    /* A value that waits for its finalizer lives on, but not for those who hold it weakly. */
    bool lives = collector_survived(entry->base) && !finalizer_condemned(entry->base);
    /* Nobody else writes a tentative word. Release: pairs with the load of a reader who finds it settled. */
    store_release(&entry->word, lives ? word & ~TENTATIVE : 0);
    return lives;
}

static void *settle(void *context, uintptr_t from_doubt)
{
    (void)context;
    if ((from_doubt & ONLY_THE_WORD) != ONLY_THE_WORD)
        return trie_settle((atomic_word *)(from_doubt & ~(uintptr_t)1), settle_word);
    struct entry *entry = (struct entry *)(from_doubt & ~ONLY_THE_WORD);
    (void)settle_word(entry);
    return entry;
}

static void destroy(void *outside)
{
    trie_region_free(outside);
}

static void care(void *context)
{
    struct hapax_cache *cache = context;
    trie_shrink(&cache->trie, registry_estimate(cache->registry));
}

static const struct registry_kind entries = {
    .subject = subject, .doubt = doubt, .settle = settle, .destroy = destroy, .care = care};
static_assert(sizeof(struct trie_region) <= REGISTRY_OUTSIDE_BYTES, "the region outlives the cache");

/* ---- Searching ---- */

/* An entry of the key whose value is not known to be dead. */
static bool is_entry_of(const void *object, const void *data)
{
    const struct entry *entry = object;
    const struct flight *wanted = data;
    return entry->in_trie.hash == wanted->hash && entry->size == wanted->size &&
           (wanted->size == 0 || memcmp(entry->key, wanted->key, wanted->size) == 0) &&
           load_relaxed(&entry->word) != 0;
}

/* The value as a strong pointer, or NULL where it is dead. */
static void *strong_value(struct entry *entry)
{
    for (;;) {
        /* Acquire: pairs with settle_word. What is loaded is the address itself, a root from this instruction on; a
         * collection that began before has made the word tentative, or found the value alive. */
        uintptr_t word = load_acquire(&entry->word);
        if (likely((word & TENTATIVE) == 0))
            return (void *)word;
        collector_wait();
    }
}

static void *find(struct hapax_cache *cache, const struct flight *wanted, uint64_t *ticket)
{
    for (;;) {
        struct entry *entry = trie_find(&cache->trie, wanted->hash, is_entry_of, wanted, ticket);
        if (entry == NULL)
            return NULL;
        void *value = strong_value(entry);
        if (value != NULL)
            return value;
    }
}

/* ---- Creating ---- */

static struct entry *new_entry(const struct flight *wanted, void *value, const void *base)
{
    if (wanted->size > SIZE_MAX / 2) {
        errno = ENOMEM;
        return NULL;
    }
    struct entry *entry = thread_alloc_plain(thread_self, sizeof *entry + wanted->size);
    if (entry == NULL)
        return NULL;
    entry->in_trie.hash = wanted->hash;
    entry->base = base;
    entry->size = wanted->size;
    if (wanted->size > 0)
        memcpy(entry->key, wanted->key, wanted->size);
    store_relaxed(&entry->word, (uintptr_t)value); /* the trie's release publishes it */
    return entry;
}

/* After an entry has come: the root grows when it has to, and every writer does a part of it. */
static void keep_in_shape(struct hapax_cache *cache, const atomic_word *word)
{
    if (unlikely(registry_round(word))) {
        trie_consider_growth(&cache->trie, registry_estimate(cache->registry));
        /* The library's thread takes the root together when the values have died. */
        if (load_relaxed(&cache->trie.moved_out))
            (void)executor_ensure_threads();
    }
    trie_help(&cache->trie);
}

/* Makes the entry known. The caller leads the flight of its key, so nobody else publishes one. False with ENOMEM. */
static bool publish(struct hapax_cache *cache, struct entry *entry, uint64_t ticket)
{
    atomic_word *word = registry_reserve(cache->registry, thread_self->lane);
    if (word == NULL)
        return false;
    const struct flight key = {.key = entry->key, .size = entry->size, .hash = entry->in_trie.hash};
    for (enum trie_outcome outcome;
         (outcome = trie_insert(&cache->trie, &entry->in_trie, ticket, word)) != TRIE_DONE;) {
        if (outcome == TRIE_CROWDED && !trie_make_room(&cache->trie)) {
            registry_cancel(cache->registry, word);
            return false;
        }
        void *found = find(cache, &key, &ticket);
        assert(found == NULL);
        (void)found;
    }
    registry_filled(cache->registry, word);
    keep_in_shape(cache, word);
    return true;
}

static void *create(struct hapax_cache *cache, const struct flight *wanted, uint64_t ticket, int *error)
{
    int reported = 0;
    void *value = cache->create(wanted->key, wanted->size, cache->context, &reported);
    if (value == NULL) {
        *error = reported != 0 ? reported : EIO;
        return NULL;
    }
    void *base;
    if (memory_place(value, &base) == MEMORY_FOREIGN) {
        refuse(EINVAL, "hapax_cache_get", "create answered memory that is neither collected nor static");
        *error = EINVAL;
        return NULL;
    }
    struct entry *entry = new_entry(wanted, value, base);
    if (entry == NULL || !publish(cache, entry, ticket)) {
        *error = ENOMEM;
        return NULL;
    }
    keep_reachable(entry);
    return value;
}

static void *find_or_create(struct hapax_cache *cache, struct flight *wanted, int *error)
{
    uint64_t ticket;
    void *value = find(cache, wanted, &ticket);
    if (value != NULL)
        return value;
    switch (flight_join(wanted, &value, error)) {
    case FLIGHT_CIRCLE:
        refuse(EDEADLK, "hapax_cache_get", "the value is being created by a caller that this one would wait for");
        *error = EDEADLK;
        return NULL;
    case FLIGHT_LANDED:
        return value;
    default:
        break;
    }
    /* Another flight of this key may have landed since: whoever led it had published before. */
    value = find(cache, wanted, &ticket);
    if (value == NULL)
        value = create(cache, wanted, ticket, error);
    flight_land(wanted, value, *error);
    return value;
}

/* ---- The public functions ---- */

hapax_cache *hapax_cache_new(void *(*function)(const void *key, size_t size, void *context, int *error), void *context)
{
    if (thread_enter() == NULL)
        return NULL;
    if (function == NULL) {
        refuse(EINVAL, "hapax_cache_new", "the function is NULL");
        return NULL;
    }
    struct hapax_cache *cache = collector_alloc_scanned(sizeof *cache);
    if (cache == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    cache->create = function;
    cache->context = context;
    cache->registry = registry_new(&entries, cache, cache, NULL);
    if (cache->registry == NULL || !trie_init(&cache->trie, registry_outside(cache->registry)))
        return NULL;
    collector_wrote(cache);
    return cache;
}

static void *get(struct hapax_cache *cache, const void *key, size_t size, int *error)
{
    if (unlikely(cache == NULL || (key == NULL && size != 0))) {
        refuse(EINVAL, "hapax_cache_get", cache == NULL ? "the cache is NULL" : "the key is NULL, but its size is not 0");
        *error = EINVAL;
        return NULL;
    }
    if (unlikely(thread_enter() == NULL)) {
        *error = errno;
        return NULL;
    }
    struct flight wanted = {.cache = cache, .key = key, .size = size, .hash = hash_bytes(key, size)};
    struct entry *entry = trie_find_quickly(&cache->trie, wanted.hash, is_entry_of, &wanted);
    void *value = likely(entry != NULL) ? strong_value(entry) : NULL;
    if (unlikely(value == NULL))
        value = find_or_create(cache, &wanted, error);
    keep_reachable(key);
    keep_reachable(cache);
    return value;
}

void *hapax_cache_get(hapax_cache *cache, const void *key, size_t size, int *error)
{
    int before = errno, why = 0;
    void *value = get(cache, key, size, &why);
    if (error != NULL)
        *error = why;
    errno = value != NULL ? before : why;
    return value;
}
