/* SPDX-License-Identifier: MIT */
/* A table of canonical values: a weak set of them, and how values of its type behave. */
#ifndef HAPAX_TABLE_H
#define HAPAX_TABLE_H

#include <hapax/handle.h>

#include "values/canonical.h"
#include "weak/weak_set.h"

#include <assert.h>

/* Scanned, collected memory. */
struct hapax_table {
    struct weak_set set;
    bool is_strings;            /* plain byte strings: neither a hash nor an equality of the user's, no pointers */
    atomic_bool has_lone_values;    /* of those that do not equal themselves: in the registry, but not in the trie */
    struct hapax_type type;     /* a copy */
    void *_Atomic kept;         /* the registry's words, where the table keeps its values */
    struct watched_table *watched;  /* see debug/table_watch.h; NULL: nobody watches */
};

static_assert(sizeof(struct hapax_table) < 256, "with its registry, an empty table takes 512 bytes of the collector's");

/* The value in question, on its way through the trie. */
struct table_key {
    const struct hapax_table *table;
    const void *value;
    size_t size;
};

/* Of objects that have the tag of the key. */
bool table_equal(const void *object, const void *key);

/* The same in a table of strings, where the key has at most SHORT_MAX bytes. */
static inline __attribute__((always_inline)) bool table_equal_short_string(const void *object, const void *data)
{
    const struct hapax_canonical *canonical = object;
    const struct table_key *key = data;
    return likely(canonical->short_size == key->size) &&
           equal_bytes((const char *)canonical + SHORT_VALUE, key->value, key->size);
}

/* The same, however long the key. */
static inline __attribute__((always_inline)) bool table_equal_string(const void *object, const void *data)
{
    const struct table_key *key = data;
    return likely(key->size <= SHORT_MAX) ? table_equal_short_string(object, data) : table_equal(object, data);
}

/* Interns a value that a quick look has not found. */
hapax_handle table_intern(struct hapax_table *table, const void *value, size_t size, uint64_t hash);

#endif
