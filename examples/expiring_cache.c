/* SPDX-License-Identifier: MIT */
/* A cache whose entries expire, and whose janitor dies with it.
 *
 * The program below the cache never closes one. A worker sweeps expired entries out while the
 * cache is in use; when the last pointer to the cache is gone, the worker's thread ends. The
 * trick is who holds whom: the cache holds the store, and the worker holds the store, but
 * nobody but the program holds the cache. */
#include <hapax.h>

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- The cache ---- */

struct entry {
    struct entry *next;
    hapax_handle key;           /* compared with == */
    hapax_handle value;
    uint64_t expires_ms;
};

enum { BUCKETS = 256 };

/* What the cache and its janitor share. */
struct store {
    pthread_mutex_t lock;
    struct entry *buckets[BUCKETS];
    unsigned entries;
};

/* What the program holds: the worker's owner. */
struct expiring_cache {
    struct store *store;
    unsigned lifetime_ms;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void sweep(void *state)
{
    struct store *store = state;
    uint64_t now = now_ms();
    pthread_mutex_lock(&store->lock);
    for (unsigned i = 0; i < BUCKETS; i++)
        for (struct entry **at = &store->buckets[i]; *at != NULL;)
            if ((*at)->expires_ms <= now) {
                *at = (*at)->next;
                store->entries--;
            } else {
                at = &(*at)->next;
            }
    pthread_mutex_unlock(&store->lock);
}

static struct expiring_cache *expiring_cache_new(unsigned lifetime_ms, unsigned sweep_ms)
{
    struct expiring_cache *cache = hapax_alloc(sizeof *cache);
    struct store *store = hapax_alloc(sizeof *store);
    if (cache == NULL || store == NULL)
        return NULL;
    pthread_mutex_init(&store->lock, NULL);
    *cache = (struct expiring_cache){store, lifetime_ms};
    return hapax_worker_start(cache, sweep, store, sweep_ms) != NULL ? cache : NULL;
}

static struct entry **find(struct store *store, hapax_handle key)
{
    struct entry **at = &store->buckets[hapax_handle_hash(key) % BUCKETS];
    while (*at != NULL && (*at)->key != key)
        at = &(*at)->next;
    return at;
}

static int expiring_cache_put(struct expiring_cache *cache, const char *key, const char *value)
{
    struct entry *entry = hapax_alloc(sizeof *entry);
    if (entry == NULL || (entry->key = hapax_intern(key)) == NULL || (entry->value = hapax_intern(value)) == NULL)
        return -1;
    entry->expires_ms = now_ms() + cache->lifetime_ms;
    struct store *store = cache->store;
    pthread_mutex_lock(&store->lock);
    struct entry **at = find(store, entry->key);
    if (*at != NULL)
        entry->next = (*at)->next;
    else
        store->entries++;
    *at = entry;
    pthread_mutex_unlock(&store->lock);
    hapax_keep_alive(cache);
    return 0;
}

static const char *expiring_cache_get(struct expiring_cache *cache, const char *key)
{
    hapax_handle wanted = hapax_find_handle(hapax_strings(), key, strlen(key)), value = NULL;
    if (wanted == NULL)
        return NULL;    /* nobody has this string, so the cache has not */
    struct store *store = cache->store;
    pthread_mutex_lock(&store->lock);
    struct entry *entry = *find(store, wanted);
    if (entry != NULL && entry->expires_ms > now_ms())
        value = entry->value;
    pthread_mutex_unlock(&store->lock);
    hapax_keep_alive(cache);
    return hapax_handle_value(value);
}

static unsigned expiring_cache_entries(struct expiring_cache *cache)
{
    pthread_mutex_lock(&cache->store->lock);
    unsigned entries = cache->store->entries;
    pthread_mutex_unlock(&cache->store->lock);
    hapax_keep_alive(cache);
    return entries;
}

/* ---- A program that uses some ---- */

enum { CACHES = 20, KEYS = 500, LIFETIME_MS = 200, SWEEP_MS = 20 };

static atomic_uint caches_gone;

static void count(void *counter)
{
    atomic_fetch_add((atomic_uint *)counter, 1u);
}

static unsigned threads(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks != NULL && readdir(tasks) != NULL)
        count++;
    if (tasks != NULL)
        closedir(tasks);
    return count;
}

static int fill(struct expiring_cache *cache)
{
    for (unsigned i = 0; i < KEYS; i++) {
        char key[32], value[32];
        snprintf(key, sizeof key, "key %u", i);
        snprintf(value, sizeof value, "value %u", i * i);
        if (expiring_cache_put(cache, key, value) != 0)
            return -1;
    }
    return 0;
}

/* In a frame of its own, which is gone when it returns. */
static __attribute__((noinline)) int use_caches(void)
{
    struct expiring_cache *caches[CACHES];
    unsigned before = threads(), swept = 0;
    for (unsigned i = 0; i < CACHES; i++) {
        caches[i] = expiring_cache_new(LIFETIME_MS, SWEEP_MS);
        if (caches[i] == NULL || hapax_add_cleanup(caches[i], count, &caches_gone, NULL) != 0 || fill(caches[i]) != 0)
            return -1;
    }
    printf("%d caches with %d entries each; %u janitors\n", CACHES, KEYS, threads() - before);
    const char *value = expiring_cache_get(caches[0], "key 12");
    if (value != NULL) /* else this machine has taken longer than the entry lives */
        printf("key 12 is %s\n", value);
    while (swept < CACHES) {
        usleep(SWEEP_MS * 1000);
        swept = 0;
        for (unsigned i = 0; i < CACHES; i++)
            swept += expiring_cache_entries(caches[i]) == 0;
    }
    printf("all entries have expired; key 12 is %s\n",
           expiring_cache_get(caches[0], "key 12") == NULL ? "gone" : "there");
    return 0;
}

int main(void)
{
    if (hapax_init() != 0 || hapax_set_cleanup_threads(1) != 0) {
        perror("expiring_cache");
        return 1;
    }
    unsigned before = threads();
    if (use_caches() != 0) {
        perror("expiring_cache");
        return 1;
    }
    /* Nobody has closed a cache. One or two may stay for the sake of a stale word on the stack. */
    unsigned wanted = CACHES * 9 / 10;
    for (unsigned i = 0; i < 1000 && (caches_gone < wanted || threads() > before + CACHES - wanted); i++) {
        hapax_collect();
        hapax_wait_cleanups(1000);
        usleep(10000);
    }
    printf("%u caches are gone, and %u janitors with them\n", (unsigned)caches_gone, before + CACHES - threads());
    return caches_gone < wanted || threads() > before + CACHES - wanted;
}
