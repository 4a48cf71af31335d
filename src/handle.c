#include "config.h"

#include <hapax/handle.h>

#include "canonical.h"
#include "debug.h"
#include "hash.h"
#include "table.h"
#include "thread.h"

#include <errno.h>

static inline bool equal_string(const void *object, const void *data)
{
    const struct hapax_canonical *canonical = object;
    const struct table_key *key = data;
    if (likely(canonical->short_size == key->size))
        return equal_bytes((const char *)canonical + SHORT_VALUE, key->value, key->size);
    return unlikely(key->size >= WIDE) && table_equal(object, data);
}

static inline uint64_t hash_value(const struct hapax_table *table, const void *value, size_t size)
{
    if (likely(table->type.hash == NULL))
        return hash_bytes(value, size);
    return hash_finish(table->type.hash(value, size, hash_key.seed) ^ hash_key.seed);
}

/* Looks where nearly every value is found that the table has. */
static inline __attribute__((always_inline)) hapax_handle find_quickly(struct hapax_table *table,
                                                                       const struct table_key *key, uint64_t hash)
{
    return likely(table->is_strings) ? trie_find_quickly(&table->trie, hash, equal_string, key)
                                     : trie_find_quickly(&table->trie, hash, table_equal, key);
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

static inline __attribute__((always_inline)) hapax_handle make(struct hapax_table *table, const void *value,
                                                               size_t size, uint64_t hash)
{
    struct table_key key = {table, value, size};
    hapax_handle handle = find_quickly(table, &key, hash);
    if (unlikely(handle == NULL))
        handle = table_intern(table, &key, hash);
    keep_reachable(table);
    return handle;
}

hapax_handle hapax_make_handle(hapax_table *table, const void *value, size_t size)
{
    if (unlikely(!is_value(table, value, size, "hapax_make_handle")))
        return NULL;
    return make(table, value, size, hash_value(table, value, size));
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
        handle = trie_find(&table->trie, hash, table_equal, &key, &ticket);
    keep_reachable(table);
    return handle;
}

/* Values whose cache misses are taken together. */
enum { BATCH = 16 };

size_t hapax_make_handles(hapax_table *table, const hapax_span *values, size_t n, hapax_handle *out)
{
    if (n == 0)
        return 0;
    if (values == NULL || out == NULL) {
        refuse(EINVAL, "hapax_make_handles", values == NULL ? "the values are NULL" : "there is no room for handles");
        return 0;
    }
    size_t made = 0;
    for (bool failed = false; made < n && !failed;) {
        uint64_t hashes[BATCH];
        size_t batch = n - made < BATCH ? n - made : BATCH, valid = 0;
        for (; valid < batch; valid++) {
            const hapax_span *value = &values[made + valid];
            if (unlikely(!is_value(table, value->data, value->size, "hapax_make_handles")))
                break;
            hashes[valid] = hash_value(table, value->data, value->size);
            trie_prefetch_line(&table->trie, hashes[valid]);
        }
        for (size_t i = 0; i < valid; i++)
            trie_prefetch_object(&table->trie, hashes[i]);
        failed = valid < batch;
        for (size_t i = 0; i < valid; i++) {
            hapax_handle handle = make(table, values[made].data, values[made].size, hashes[i]);
            if (unlikely(handle == NULL)) {
                failed = true;
                break;
            }
            out[made++] = handle;
        }
    }
    for (size_t i = made; i < n; i++)
        out[i] = NULL;
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
    return handle != NULL ? canonical_value(handle) : NULL;
}

size_t hapax_handle_size(hapax_handle handle)
{
    return handle != NULL ? canonical_size(handle) : 0;
}

uint64_t hapax_handle_hash(hapax_handle handle)
{
    return handle != NULL ? handle->in_trie.hash : 0;
}
