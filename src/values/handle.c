/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/handle.h>

#include "base/hash.h"
#include "base/refuse.h"
#include "runtime/thread.h"
#include "values/table.h"

#include <errno.h>

static inline uint64_t hash_value(const struct hapax_table *table, const void *value, size_t size)
{
    if (likely(table->type.hash == NULL))
        return hash_bytes(value, size);
    if (unlikely(size > HASH_SIZE_MAX))
        return 0;
    int before = errno;
    uint64_t hash = table->type.hash(value, size, hash_key.seed);
    errno = before;
    return hash_finish(hash ^ hash_key.seed);
}

/* Looks where nearly every value is found that the table has. */
static inline __attribute__((always_inline)) hapax_handle find_quickly(struct hapax_table *table,
                                                                       const struct table_key *key, uint64_t hash)
{
    return likely(table->is_strings) ? trie_find_quickly(&table->set.trie, hash, table_equal_string, key)
                                     : trie_find_quickly(&table->set.trie, hash, table_equal, key);
}

/* Whether these arguments name a value of the table; else errno is set. */
static inline bool is_value(const struct hapax_table *table, const void *value, size_t size, const char *function)
{
    if (likely(table != NULL && (value != NULL || size == 0) && (table->type.size == 0 || table->type.size == size)))
        return thread_enter() != NULL;
    refuse(EINVAL, function,
           table == NULL                   ? "the table is NULL"
           : value == NULL && size != 0    ? "the value is NULL, but its size is not 0"
                                           : "the size is not that of the table's type");
    return false;
}

static __attribute__((noinline)) hapax_handle make(struct hapax_table *table, const void *value, size_t size,
                                                   uint64_t hash)
{
    struct table_key key = {table, value, size};
    hapax_handle handle = find_quickly(table, &key, hash);
    keep_reachable(table);
    return likely(handle != NULL) ? handle : table_intern(table, value, size, hash);
}

static __attribute__((noinline)) hapax_handle make_carefully(hapax_table *table, const void *value, size_t size,
                                                             const char *function)
{
    if (!is_value(table, value, size, function))
        return NULL;
    return make(table, value, size, hash_value(table, value, size));
}

/* Strings up to this size are hashed and compared without a call. */
enum { LEAF_MAX = 64 };

/* Most calls end in the first line of the table. Their way is kept free of all that is not on it, and of calls: no
 * register has to be saved. */
__attribute__((flatten)) hapax_handle hapax_make_handle(hapax_table *table, const void *value, size_t size)
{
    if (unlikely(table == NULL || value == NULL || size > LEAF_MAX || thread_known == NULL || !table->is_strings))
        return make_carefully(table, value, size, "hapax_make_handle");
    struct table_key key = {table, value, size};
    uint64_t hash = hash_bytes(value, size);
    atomic_word *place = trie_favourite_place(&table->set.trie, hash);
    hapax_handle handle = trie_look_at(place, hash, table_equal_short_string, &key);
    keep_reachable(table);
    return likely(handle != NULL) ? handle : make(table, value, size, hash);
}

hapax_handle hapax_make_handle_hashed(hapax_table *table, const void *value, size_t size, uint64_t hash)
{
    if (unlikely(!is_value(table, value, size, "hapax_make_handle_hashed")))
        return NULL;
    return make(table, value, size, hash);
}

hapax_handle hapax_find_handle(hapax_table *table, const void *value, size_t size)
{
    if (unlikely(!is_value(table, value, size, "hapax_find_handle")))
        return NULL;
    struct table_key key = {table, value, size};
    uint64_t hash = hash_value(table, value, size), ticket;
    hapax_handle handle = find_quickly(table, &key, hash);
    if (handle == NULL)
        handle = trie_find(&table->set.trie, hash, table_equal, &key, &ticket);
    keep_reachable(table);
    return handle;
}

/* Values whose cache misses are taken together. */
enum { BATCH = 32 };

/* Makes a batch of strings; answers how many. All hashes first, then all lines, then all objects are fetched. */
static size_t make_strings(hapax_table *table, const hapax_span *values, size_t n, hapax_handle *out)
{
    uint64_t hashes[BATCH];
    struct trie_line *lines[BATCH];
    atomic_word *places[BATCH];
    for (size_t i = 0; i < n; i++) {
        if (unlikely(values[i].data == NULL)) {
            n = i;
            break;
        }
        hashes[i] = hash_bytes(values[i].data, values[i].size);
        lines[i] = trie_first_line(&table->set.trie, hashes[i]);
        __builtin_prefetch((const void *)lines[i]);
    }
    for (size_t i = 0; i < n; i++)
        places[i] = trie_likely_place(lines[i], hashes[i]);
    for (size_t i = 0; i < n; i++) {
        struct table_key key = {table, values[i].data, values[i].size};
        hapax_handle handle = trie_look_at(places[i], hashes[i], table_equal_string, &key);
        if (unlikely(handle == NULL) && (handle = make(table, key.value, key.size, hashes[i])) == NULL)
            return i;
        out[i] = handle;
    }
    return n;
}

size_t hapax_make_handles(hapax_table *table, const hapax_span *values, size_t n, hapax_handle *out)
{
    if (n == 0)
        return 0;
    if (out == NULL) {
        refuse(EINVAL, "hapax_make_handles", "out is NULL");
        return 0;
    }
    if (values == NULL)
        refuse(EINVAL, "hapax_make_handles", "the values are NULL");
    size_t made = 0;
    while (values != NULL && made < n) {
        size_t batch = 0;
        if (table != NULL && table->is_strings && thread_known != NULL)
            batch = make_strings(table, values + made, n - made < BATCH ? n - made : BATCH, out + made);
        made += batch;
        if (batch > 0)
            continue;
        /* Another kind of table, or what a batch stopped at. */
        out[made] = make_carefully(table, values[made].data, values[made].size, "hapax_make_handles");
        if (out[made] == NULL)
            break;
        made++;
    }
    for (size_t i = made; i < n; i++)
        out[i] = NULL;
    keep_reachable(table);
    return made;
}

hapax_handle hapax_intern(const char *string)
{
    if (string == NULL) {
        refuse(EINVAL, "hapax_intern", "the string is NULL");
        return NULL;
    }
    hapax_table *strings = hapax_strings();
    return strings != NULL ? hapax_make_handle(strings, string, strlen(string)) : NULL;
}

uint64_t hapax_hash(hapax_table *table, const void *value, size_t size)
{
    if (unlikely(!is_value(table, value, size, "hapax_hash")))
        return 0;
    return hash_value(table, value, size);
}

const void *hapax_handle_value(hapax_handle handle)
{
    thread_enter_reader();
    return handle != NULL ? canonical_value(handle) : NULL;
}

const char *hapax_string(hapax_handle handle)
{
    return hapax_handle_value(handle);
}

int hapax_handle_compare(hapax_handle a, hapax_handle b)
{
    thread_enter_reader();
    if (a == b)
        return 0;
    if (a == NULL || b == NULL)
        return a == NULL ? -1 : 1;
    size_t a_size = canonical_size(a), b_size = canonical_size(b);
    int order = memcmp(canonical_value(a), canonical_value(b), a_size < b_size ? a_size : b_size);
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

size_t hapax_handle_size(hapax_handle handle)
{
    thread_enter_reader();
    return handle != NULL ? canonical_size(handle) : 0;
}

uint64_t hapax_handle_hash(hapax_handle handle)
{
    thread_enter_reader();
    return handle != NULL ? handle->in_trie.hash : 0;
}
