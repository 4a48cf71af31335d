/* SPDX-License-Identifier: MIT */
/* The limit: what finding a string costs when nothing else is asked.

   One thread, no locks, nothing reclaimed: open addressing in a power of two of
   slots, at most half of them used, a slot the 64-bit hash and a pointer to the
   text, which lies in an arena behind its length in four bytes. How far a
   concurrent weak table stays from this is what being concurrent and weak costs.

   The table starts small and doubles, since nobody knows the number of values
   beforehand. In W4 the threads only read. */

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_SLOTS = 1024,
    CHUNK_BYTES = 1 << 20,
    LENGTH_BYTES = 4,
};

/* Empty where text is NULL. text points at the length, the bytes follow. */
struct slot {
    uint64_t hash;
    const char *text;
};

static struct {
    struct slot *slots;
    size_t mask; /* slots minus one */
    size_t used; /* used * 2 <= mask + 1 */
    char *chunk; /* where the next text goes; texts never move */
    size_t chunk_left;
} table;

static const char **kept;

static void *must(void *memory)
{
    if (memory == NULL) {
        perror("limit");
        exit(2);
    }
    return memory;
}

static const char *store_text(const void *data, size_t size)
{
    size_t need = LENGTH_BYTES + size;
    if (need > table.chunk_left) {
        table.chunk_left = need > CHUNK_BYTES ? need : CHUNK_BYTES;
        table.chunk = (char *)must(malloc(table.chunk_left));
    }
    char *text = table.chunk;
    uint32_t length = (uint32_t)size;
    memcpy(text, &length, LENGTH_BYTES);
    memcpy(text + LENGTH_BYTES, data, size);
    table.chunk += need;
    table.chunk_left -= need;
    return text;
}

static inline uint32_t text_size(const char *text)
{
    uint32_t length;
    memcpy(&length, text, LENGTH_BYTES);
    return length;
}

/* Eight bytes at a time, the last eight overlapping: a call to memcmp costs more
   than comparing texts of a few words. */
static inline bool same_bytes(const char *a, const char *b, size_t size)
{
    uint64_t left, right;
    if (size > 64)
        return memcmp(a, b, size) == 0;
    if (size >= 8) {
        size_t at = 0;
        for (; at + 8 <= size; at += 8) {
            memcpy(&left, a + at, 8);
            memcpy(&right, b + at, 8);
            if (left != right)
                return false;
        }
        memcpy(&left, a + size - 8, 8);
        memcpy(&right, b + size - 8, 8);
        return left == right;
    }
    if (size >= 4) {
        uint32_t head[2], tail[2];
        memcpy(&head[0], a, 4);
        memcpy(&head[1], b, 4);
        memcpy(&tail[0], a + size - 4, 4);
        memcpy(&tail[1], b + size - 4, 4);
        return head[0] == head[1] && tail[0] == tail[1];
    }
    for (size_t at = 0; at < size; ++at)
        if (a[at] != b[at])
            return false;
    return true;
}

static inline bool text_equals(const char *text, const void *data, size_t size)
{
    return text_size(text) == size && same_bytes(text + LENGTH_BYTES, (const char *)data, size);
}

/* The slot that holds the value, or the empty one where it belongs. */
static inline struct slot *find_slot(uint64_t hash, const void *data, size_t size)
{
    for (size_t at = hash & table.mask;; at = (at + 1) & table.mask) {
        struct slot *slot = &table.slots[at];
        if (slot->text == NULL)
            return slot;
        if (slot->hash == hash && text_equals(slot->text, data, size))
            return slot;
    }
}

static void grow(void)
{
    struct slot *old = table.slots;
    size_t old_count = table.mask + 1;
    table.mask = old_count * 2 - 1;
    table.slots = (struct slot *)must(calloc(old_count * 2, sizeof *table.slots));
    for (size_t i = 0; i < old_count; ++i) {
        if (old[i].text == NULL)
            continue;
        size_t at = old[i].hash & table.mask;
        while (table.slots[at].text != NULL)
            at = (at + 1) & table.mask;
        table.slots[at] = old[i];
    }
    free(old);
}

static const char *insert(struct slot *slot, uint64_t hash, const void *data, size_t size)
{
    const char *text = store_text(data, size);
    slot->hash = hash;
    slot->text = text;
    if (++table.used * 2 > table.mask + 1)
        grow();
    return text;
}

static inline const char *intern(const void *data, size_t size)
{
    uint64_t hash = XXH3_64bits(data, size);
    struct slot *slot = find_slot(hash, data, size);
    return slot->text != NULL ? slot->text : insert(slot, hash, data, size);
}

/* ---- The peer's hooks --------------------------------------------------- */

#define PEER_NAME "limit"

static const char *peer_version(void)
{
    static char text[64];
    unsigned version = XXH_versionNumber();
    snprintf(text, sizeof text, "xxHash %u.%u.%u", version / 10000, version / 100 % 100, version % 100);
    return text;
}

static void peer_start(size_t distinct)
{
    kept = (const char **)bench_alloc(distinct * sizeof *kept);
    table.mask = FIRST_SLOTS - 1;
    table.slots = (struct slot *)must(calloc(FIRST_SLOTS, sizeof *table.slots));
}

static inline void peer_keep(size_t slot, const void *data, size_t size)
{
    kept[slot] = intern(data, size);
}

static inline uintptr_t peer_touch(const void *data, size_t size)
{
    return (uintptr_t)intern(data, size);
}

static uintptr_t peer_identity(size_t slot)
{
    return (uintptr_t)kept[slot];
}

static const void *peer_kept(size_t slot, size_t *size)
{
    *size = text_size(kept[slot]);
    return kept[slot] + LENGTH_BYTES;
}

#define PEER_COUNT
static size_t peer_count(void)
{
    return table.used;
}

/* Read-only: what is absent stays so. */
static inline uintptr_t thread_touch(const void *data, size_t size)
{
    return (uintptr_t)find_slot(XXH3_64bits(data, size), data, size)->text;
}

#define PEER_THREADS
#define PEER_THREAD_TOUCH thread_touch
static void peer_enter_thread(void) {}
static void peer_leave_thread(void) {}

/* A window of values at once: their slots are on the way while the others are
   hashed, then their texts while the other slots are read. */
#define PEER_BATCH
static uintptr_t peer_touch_batch(const struct bench_span *spans, size_t count)
{
    enum { WINDOW = 32 };
    uint64_t hashes[WINDOW];
    uintptr_t sum = 0;
    for (size_t from = 0; from < count; from += WINDOW) {
        const struct bench_span *window = spans + from;
        size_t size = count - from < WINDOW ? count - from : WINDOW;
        for (size_t i = 0; i < size; ++i) {
            hashes[i] = XXH3_64bits(window[i].data, window[i].size);
            __builtin_prefetch(&table.slots[hashes[i] & table.mask]);
        }
        for (size_t i = 0; i < size; ++i) {
            size_t at = hashes[i] & table.mask;
            while (table.slots[at].text != NULL && table.slots[at].hash != hashes[i])
                at = (at + 1) & table.mask;
            __builtin_prefetch(table.slots[at].text);
        }
        for (size_t i = 0; i < size; ++i) {
            struct slot *slot = find_slot(hashes[i], window[i].data, window[i].size);
            const char *text = slot->text;
            sum += (uintptr_t)(text != NULL ? text : insert(slot, hashes[i], window[i].data, window[i].size));
        }
    }
    return sum;
}

#include "peer.h"
