/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "systems/weak_map.h"

#include "base/hash.h"
#include "base/refuse.h"
#include "collector/collector.h"
#include "collector/epoch.h"
#include "collector/mark.h"
#include "runtime/place.h"
#include "runtime/thread.h"

#include <assert.h>
#include <errno.h>

/* ---- A collection ---- */

static bool key_lives(const struct weak_map_entry *entry)
{
    return entry->waiter.base == 0 || collector_lives((void *)entry->waiter.base);
}

/* An entry lives as long as its key does. Where it was removed, or the key is dead already: until nobody holds it. Such
 * a thread may be about to give it a value again, and then it holds the key as well. */
static const void *subject(void *object)
{
    struct weak_map_entry *entry = object;
    if (load_relaxed(&entry->key) == NULL)
        return entry;
    if (!key_lives(entry))
        return (const void *)entry->waiter.base;
    if (load_relaxed(&entry->value) == 0)
        return entry;
    collector_mark(entry);
    return NULL;
}

/* An entry that somebody holds stays in the trie, where nobody finds it. */
static uintptr_t doubt(void *context, void *object)
{
    struct weak_map_entry *entry = object;
    entry->collected = collector_base((void *)load_relaxed(&entry->value)) != NULL;
    if (collector_is_marked(entry))
        return weak_set_stays(entry);
    uintptr_t doubted = weak_set_doubt(context, &entry->in_trie);
    epoch_before_mark();
    collector_mark(entry); /* its memory, until it is settled */
    return doubted;
}

/* Where the collector brings a key or the map back after the values were marked, and the value was not among what came
 * back with it, the entry is given up: its value's memory is gone. */
static bool is_whole(const struct weak_map_entry *entry)
{
    void *value = (void *)load_relaxed(&entry->value);
    if (value == NULL || (entry->waiter.base != 0 && !collector_survived((void *)entry->waiter.base)))
        return false;
    if (!entry->collected)
        return true;
    void *base = collector_base(value);
    return base != NULL && collector_survived(base);
}

static bool survived(const void *object)
{
    struct weak_map_entry *entry = (struct weak_map_entry *)(uintptr_t)object;
    if (is_whole(entry))
        return true;
    store_relaxed(&entry->key, NULL);
    store_relaxed(&entry->value, (uintptr_t)0);
    return false;
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

const struct registry_kind weak_map_kind = {
    .owner_name = "weak map",
    .subject = subject,
    .doubt = doubt,
    .doubts_with_owner = true,
    .prefetch = weak_set_prefetch,
    .settle = settle,
    .destroy = weak_set_destroy,
    .care = weak_set_care,
};
static_assert(sizeof(struct weak_map_outside) <= REGISTRY_OUTSIDE_BYTES, "what is outside outlives the map");

/* ---- Values, in a collection ---- */

enum { DRAIN_EVERY = 64 };

/* True if the entry lives, and so does its value now. */
static bool visit_entry(uintptr_t word)
{
    static unsigned visited;
    struct weak_map_entry *entry = weak_set_object(word);
    uintptr_t value = load_relaxed(&entry->value);
    if (value == 0)
        return false;
    if (!key_lives(entry)) {
        if (collector_is_object((void *)entry->waiter.base))
            ephemeron_wait(&entry->waiter);
        return false;
    }
    collector_mark(entry);
    ephemeron_mark((void *)value);
    if (++visited % DRAIN_EVERY == 0)
        mark_drain();
    return true;
}

static void entry_woken(struct waiter *waiter)
{
    struct weak_map_entry *entry = (void *)((char *)waiter - offsetof(struct weak_map_entry, waiter));
    /* When the world runs again, this mark says that the entry lives. */
    collector_mark(entry);
    ephemeron_mark((void *)load_relaxed(&entry->value));
}

static void map_woken(struct waiter *waiter)
{
    registry_scan(((struct hapax_weak_map *)(waiter->base & ~WAITER_KIND))->set.registry, visit_entry);
}

static uintptr_t map_waits;     /* the kind of waiter that a map is */
static uint64_t waiters;

/* If there is no map, the stop does not go through the registries. Set before the first map's registry is listed. */
static atomic_bool maps_exist;

void weak_map_start(void)
{
    uintptr_t entry_waits = ephemeron_kind(entry_woken);
    assert(entry_waits == 0);   /* an entry's waiter is the key's base as it is */
    (void)entry_waits;
    map_waits = ephemeron_kind(map_woken);
}

static void count_waiters(struct registry *registry, void *owner)
{
    (void)owner;
    waiters += registry_estimate(registry) + 1;
}

uint64_t weak_map_waiters(void)
{
    waiters = 0;
    if (!load_relaxed(&maps_exist))
        return 0;
    registry_each_of_kind(&weak_map_kind, count_waiters);
    return waiters;
}

static void visit_map(struct registry *registry, void *owner)
{
    struct weak_map_outside *outside = registry_outside(registry);
    outside->waiter.base = (uintptr_t)owner | map_waits;
    if (collector_is_marked(owner)) {
        map_woken(&outside->waiter);
        ephemeron_drain();
    } else {
        ephemeron_wait(&outside->waiter);
    }
}

void weak_map_mark_end(void)
{
    if (!load_relaxed(&maps_exist))
        return;
    registry_each_of_kind(&weak_map_kind, visit_map);
    ephemeron_catch_up();
}

/* ---- Entries ---- */

static bool is_entry_of(const void *object, const void *key)
{
    return load_relaxed(&((const struct weak_map_entry *)object)->key) == key;
}

/* The entry of a key, which the caller holds, or NULL with a ticket; perhaps one that was removed. */
static struct weak_map_entry *find(struct hapax_weak_map *map, const void *key, uint64_t hash, uint64_t *ticket)
{
    struct weak_map_entry *entry = trie_find_quickly(&map->set.trie, hash, is_entry_of, key);
    return entry != NULL ? entry : trie_find(&map->set.trie, hash, is_entry_of, key, ticket);
}

/* ---- The public functions ---- */

static int refuse_map(const struct hapax_weak_map *map, const char *function)
{
    return refuse(EINVAL, function, map == NULL ? "the map is NULL" : "the key is NULL");
}

hapax_weak_map *hapax_weak_map_new(void)
{
    if (thread_enter() == NULL || !ephemeron_prepare())
        return NULL;
    collector_watch();
    struct hapax_weak_map *map = collector_alloc_scanned(sizeof *map);
    if (map == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    store_relaxed(&maps_exist, true);
    if (!weak_set_init(&map->set, &weak_map_kind, map, NULL))
        return NULL;
    collector_wrote(map);
    return map;
}

/* What a value does to one that is there. */
enum put { REPLACE, GIVE_WAY };

/* Puts a value into an entry, which this thread holds: so a collection does not give the entry up, even where it was
 * removed. Answers what is there then. Release: a thread that gets the value finds what was written into it; acquire:
 * as in get. */
static void *put_value(struct weak_map_entry *entry, void *value, enum put put)
{
    uintptr_t seen = 0;
    if (put == REPLACE)
        store_release(&entry->value, (uintptr_t)value);
    else if (!cas_acq_rel(&entry->value, &seen, (uintptr_t)value))
        return (void *)seen;
    return value;
}

static void *add(struct hapax_weak_map *map, const void *key, void *value, enum put put, uint64_t hash, uint64_t ticket,
                 const char *function)
{
    void *base;
    if (memory_place(key, &base) == MEMORY_FOREIGN) {
        refuse(EINVAL, function, "the key points neither to collected memory nor to static data");
        return NULL;
    }
    struct weak_map_entry *entry = thread_alloc_plain(thread_self, sizeof *entry);
    if (entry == NULL)
        return NULL;
    entry->in_trie.hash = hash;
    store_relaxed(&entry->key, key);
    entry->waiter.base = (uintptr_t)base;
    store_relaxed(&entry->value, (uintptr_t)value); /* the trie's release publishes it */
    struct weak_map_entry *found = weak_set_publish(&map->set, &entry->in_trie, is_entry_of, key, ticket);
    void *there = found == NULL ? NULL : found == entry ? value : put_value(found, value, put);
    keep_reachable(found);
    keep_reachable(entry);
    return there;
}

/* Answers the value that is there then, or NULL with errno. */
static void *set_value(struct hapax_weak_map *map, const void *key, void *value, enum put put, const char *function)
{
    if (map == NULL || key == NULL) {
        refuse_map(map, function);
        return NULL;
    }
    if (value == NULL) {
        refuse(EINVAL, function, "the value is NULL");
        return NULL;
    }
    if (thread_enter() == NULL)
        return NULL;
    int before = errno;
    uint64_t hash = hash_pointer(key), ticket;
    struct weak_map_entry *entry = find(map, key, hash, &ticket);
    void *there = entry != NULL ? put_value(entry, value, put) : add(map, key, value, put, hash, ticket, function);
    keep_reachable(entry);
    keep_reachable(value);
    keep_reachable(key);
    keep_reachable(map);
    if (there != NULL)
        errno = before;
    return there;
}

int hapax_weak_map_set(hapax_weak_map *map, const void *key, void *value)
{
    return set_value(map, key, value, REPLACE, "hapax_weak_map_set") != NULL ? 0 : -1;
}

void *hapax_weak_map_get_or_set(hapax_weak_map *map, const void *key, void *value)
{
    return set_value(map, key, value, GIVE_WAY, "hapax_weak_map_get_or_set");
}

void *hapax_weak_map_get(hapax_weak_map *map, const void *key)
{
    if (map == NULL || key == NULL) {
        refuse_map(map, "hapax_weak_map_get");
        return NULL;
    }
    if (thread_enter() == NULL)
        return NULL;
    uint64_t ticket;
    struct weak_map_entry *entry = find(map, key, hash_pointer(key), &ticket);
    /* Acquire: pairs with the release in set. What is loaded is the address itself, a root from here on; the key and
     * the map are held, so the last collection has marked it. */
    void *value = entry != NULL ? (void *)load_acquire(&entry->value) : NULL;
    keep_reachable(entry);
    keep_reachable(key);
    keep_reachable(map);
    return value;
}

bool hapax_weak_map_remove(hapax_weak_map *map, const void *key)
{
    if (map == NULL || key == NULL) {
        refuse_map(map, "hapax_weak_map_remove");
        return false;
    }
    if (thread_enter() == NULL)
        return false;
    uint64_t ticket;
    struct weak_map_entry *entry = find(map, key, hash_pointer(key), &ticket);
    bool had = entry != NULL && exchange_acq_rel(&entry->value, (uintptr_t)0) != 0;
    keep_reachable(entry);
    keep_reachable(key);
    keep_reachable(map);
    return had;
}

struct visit {
    bool (*visit)(const void *key, void *value, void *context);
    void *context;
};

/* The key of an entry, which the caller holds, under a pointer that keeps the key alive; NULL: it is dead. */
static const void *strong_key(struct weak_map_entry *entry)
{
    const void *key = reveal((void *)(uintptr_t)load_relaxed(&entry->key));
    if (key == NULL)
        return NULL;
    /* A collection that began before the address was in a register may have found the key dead. When none runs any
     * more, such an entry is given up; one that begins from here on finds the register. */
    collector_wait();
    return load_relaxed(&entry->key) == key ? key : NULL;
}

static bool visit_pair(void *object, void *data)
{
    const struct visit *visit = data;
    struct weak_map_entry *entry = object;
    const void *key = strong_key(entry);
    void *value = key != NULL ? (void *)load_acquire(&entry->value) : NULL;     /* acquire: as in get */
    bool go_on = value == NULL || visit->visit(key, value, visit->context);
    keep_reachable(value);
    keep_reachable(key);
    return go_on;
}

bool hapax_weak_map_each(hapax_weak_map *map, bool (*visit)(const void *key, void *value, void *context), void *context)
{
    if (map == NULL || visit == NULL) {
        refuse(EINVAL, "hapax_weak_map_each", map == NULL ? "the map is NULL" : "the function is NULL");
        return false;
    }
    if (thread_enter() == NULL)
        return false;
    struct visit each = {visit, context};
    bool to_the_end = registry_each(map->set.registry, visit_pair, &each);
    keep_reachable(map);
    return to_the_end;
}
