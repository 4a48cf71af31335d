/* SPDX-License-Identifier: MIT */
/* As Go's internal/sync.HashTrieMap: nodes of sixteen children, four bits of the hash a level from the top, a record of
   its own for each value. */
#include "sketch.h"

struct entry {
    struct value *value;
    struct entry *same_hash;
    uint64_t hash;
};

struct node {
    uintptr_t children[16];   /* 0, a node, or an entry with bit 0 set */
};

static struct node *root;

static void *take(size_t size)
{
    static char *run;
    static size_t left;
    if (size > left) {
        left = 1 << 20;
        run = sketch_must(aligned_alloc(64, left));
    }
    void *memory = run;
    run += size;
    left -= size;
    memset(memory, 0, size);
    return memory;
}

static void sketch_start(void)
{
    root = take(sizeof *root);
}

static inline struct value *sketch_find(uint64_t hash, const void *data, size_t size)
{
    const struct node *node = root;
    for (unsigned shift = 60;; shift -= 4) {
        uintptr_t child = node->children[hash >> shift & 15];
        if (child == 0)
            return NULL;
        if (child & 1) {
            const struct entry *entry = (const struct entry *)(child - 1);
            for (; entry != NULL; entry = entry->same_hash)
                if (entry->hash == hash && sketch_equal(entry->value, data, size))
                    return entry->value;
            return NULL;
        }
        node = (const struct node *)child;
    }
}

static void sketch_insert(uint64_t hash, struct value *value)
{
    struct entry *entry = take(sizeof *entry);
    *entry = (struct entry){value, NULL, hash};
    struct node *node = root;
    for (unsigned shift = 60;; shift -= 4) {
        uintptr_t *child = &node->children[hash >> shift & 15];
        if (*child == 0) {
            *child = (uintptr_t)entry | 1;
            return;
        }
        if (*child & 1) {
            struct entry *other = (struct entry *)(*child - 1);
            if (other->hash == hash) {
                entry->same_hash = other->same_hash;
                other->same_hash = entry;
                return;
            }
            struct node *deeper = take(sizeof *deeper);
            deeper->children[other->hash >> (shift - 4) & 15] = *child;
            *child = (uintptr_t)deeper;
        }
        node = (struct node *)*child;
    }
}

#define SKETCH_NAME "sketch, hash-trie"
#include "sketch_hooks.h"
