/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/cache.h>

#include "base/hash.h"
#include "base/park.h"
#include "base/refuse.h"
#include "collector/collector.h"
#include "runtime/place.h"
#include "runtime/thread.h"
#include "systems/single_flight.h"
#include "weak/weak_set.h"
#include "weak/weak_word.h"

#include <errno.h>
#include <string.h>

/* Scanned, collected memory. */
struct hapax_cache {
    struct weak_set set;
    void *(*create)(const void *key, size_t size, void *context, int *error);
    void *context;
};

/* A key and the weak word of its value. Plain memory: nothing in it keeps the value alive. An entry lives as long as
 * its value does; one that somebody holds for a moment longer (a search, a move inside the trie) stays in the trie as
 * well, with a dead word, and searches pass it by. */
struct entry {
    struct trie_object in_trie;
    atomic_word word;           /* of the value; see weak_word.h */
    const void *base;           /* of the value; NULL: static data, which never dies */
    size_t size;
    unsigned char key[];
};

/* ---- A collection ---- */

/* An entry lives as long as its value; where that is dead already, until nobody holds it. */
static const void *subject(void *object)
{
    struct entry *entry = object;
    if (load_relaxed(&entry->word) == 0)
        return entry;
    if (entry->base != NULL && !collector_lives(entry->base))
        return entry->base;
    collector_mark(entry);
    return NULL;
}

/* An entry whose value lives will be marked, if it is not yet. */
static bool lives(const void *object)
{
    struct entry *entry = (struct entry *)(uintptr_t)object;
    uintptr_t word = load_relaxed(&entry->word);
    if (word == 0 || (word & WEAK_WORD_TENTATIVE) != 0)
        return collector_is_marked(entry);
    return weak_word_base_lives(entry->base);
}

/* An entry that somebody holds stays in the trie, where searches pass it by. */
static uintptr_t doubt(void *context, void *object)
{
    struct entry *entry = object;
    weak_word_doubt(&entry->word);
    if (collector_is_marked(entry))
        return weak_set_stays(entry);
    uintptr_t doubted = weak_set_doubt(context, &entry->in_trie);
    epoch_before_mark();
    collector_mark(entry); /* its memory, until it is settled */
    return doubted;
}

static bool survived(const void *object)
{
    struct entry *entry = (struct entry *)(uintptr_t)object;
    return weak_word_settle(&entry->word, entry->base);
}

static void *settle(void *context, uintptr_t doubted)
{
    (void)context;
    void *held = weak_set_staying(doubted);
    if (held == NULL)
        return weak_set_settle(doubted, survived);
    (void)survived(held);
    return held;
}

static const struct registry_kind entries = {
    .owner_name = "cache",
    .lives = lives,
    .subject = subject,
    .doubt = doubt,
    .prefetch = weak_set_prefetch,
    .settle = settle,
    .destroy = weak_set_destroy,
    .care = weak_set_care,
};

/* ---- Searching ---- */

/* An entry of the key whose value is not known to be dead. */
static bool is_entry_of(const void *object, const void *data)
{
    const struct entry *entry = object;
    const struct single_flight *wanted = data;
    return entry->in_trie.hash == wanted->hash && entry->size == wanted->size &&
           (wanted->size == 0 || memcmp(entry->key, wanted->key, wanted->size) == 0) &&
           load_relaxed(&entry->word) != 0;
}

static void *find(struct hapax_cache *cache, const struct single_flight *wanted, uint64_t *ticket)
{
    for (;;) {
        struct entry *entry = trie_find(&cache->set.trie, wanted->hash, is_entry_of, wanted, ticket);
        if (entry == NULL)
            return NULL;
        void *value = weak_word_value(&entry->word, &entry->base);
        if (value != NULL)
            return value;
    }
}

/* ---- Creating ---- */

static struct entry *new_entry(const struct single_flight *wanted, void *value, const void *base)
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

static void *create(struct hapax_cache *cache, const struct single_flight *wanted, uint64_t ticket, int *error)
{
    int reported = 0;
    void *value = cache->create(wanted->key, wanted->size, cache->context, &reported);
    if (value == NULL) {
        *error = reported != 0 ? reported : EIO;
        return NULL;
    }
    void *base;
    if (memory_place(value, &base) == MEMORY_FOREIGN) {
        refuse(EINVAL, "hapax_cache_get", "create returned memory that is neither collected nor static");
        *error = EINVAL;
        return NULL;
    }
    struct entry *entry = new_entry(wanted, value, base);
    /* The caller leads the flight of its key, so nobody else publishes one. */
    if (entry == NULL || weak_set_publish(&cache->set, &entry->in_trie, is_entry_of, wanted, ticket) == NULL) {
        *error = ENOMEM;
        return NULL;
    }
    keep_reachable(entry);
    return value;
}

static void *find_or_create(struct hapax_cache *cache, struct single_flight *wanted, int *error)
{
    uint64_t ticket;
    void *value = find(cache, wanted, &ticket);
    if (value != NULL)
        return value;
    /* Who leads a flight ends it. */
    int cancellation = cancellation_off();
    switch (single_flight_join(wanted, &value, error)) {
    case SINGLE_FLIGHT_CIRCLE:
        refuse(EDEADLK, "hapax_cache_get", "the thread that creates the value is this one, or waits for this one");
        *error = EDEADLK;
        break;
    case SINGLE_FLIGHT_LEADS:
        /* Another flight of this key may have landed since: the thread that led it had published before. */
        value = find(cache, wanted, &ticket);
        if (value == NULL)
            value = create(cache, wanted, ticket, error);
        single_flight_finish(wanted, value, *error);
        break;
    case SINGLE_FLIGHT_FINISHED:
        break;
    }
    cancellation_restore(cancellation);
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
    if (!weak_set_init(&cache->set, &entries, cache, NULL))
        return NULL;
    collector_wrote(cache);
    return cache;
}

static void *get(struct hapax_cache *cache, const void *key, size_t size, int *error)
{
    if (unlikely(cache == NULL || (key == NULL && size != 0))) {
        refuse(EINVAL, "hapax_cache_get",
               cache == NULL ? "the cache is NULL" : "the key is NULL, but its size is not 0");
        *error = EINVAL;
        return NULL;
    }
    if (unlikely(thread_enter() == NULL)) {
        *error = errno;
        return NULL;
    }
    struct single_flight wanted = {.cache = cache, .key = key, .size = size, .hash = hash_bytes(key, size)};
    struct entry *entry = trie_find_quickly(&cache->set.trie, wanted.hash, is_entry_of, &wanted);
    void *value = likely(entry != NULL) ? weak_word_value(&entry->word, &entry->base) : NULL;
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
