/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "values/table.h"

#include <hapax/memory.h>

#include "base/hash.h"
#include "base/park.h"
#include "base/probes.h"
#include "base/refuse.h"
#include "collector/collector.h"
#include "debug/stale.h"
#include "debug/table_watch.h"
#include "runtime/thread.h"

#include <errno.h>

/* ---- A collection ---- */

static const char *name_of_values(const struct hapax_table *table)
{
    return table->type.name != NULL ? table->type.name : table->is_strings ? "string" : "value";
}

static uintptr_t doubt(void *context, void *object)
{
    struct hapax_table *table = context;
    if (unlikely(stale_is_on))
        stale_doubted(object, canonical_value(object), canonical_size(object), name_of_values(table));
    if (unlikely(table->watched != NULL))
        table_watch_doubted(table->watched, ((const struct trie_object *)object)->hash);
    return weak_set_doubt(&table->set, object);
}

static void *settle(void *context, uintptr_t doubted)
{
    struct hapax_table *table = context;
    void *unfound = weak_set_staying(doubted), *left;
    const void *object = weak_set_object(doubted);
    if (unfound != NULL)
        left = collector_survived(unfound) ? unfound : NULL;
    else
        left = weak_set_settle(doubted, collector_survived);
    if (left == NULL) {
        probe_evict(table, object);
        if (unlikely(table->watched != NULL))
            table_watch_evicted(table->watched);
    }
    return left;
}

static bool is_same(const void *object, const void *other)
{
    return object == other;
}

static const char *type_of(void *context, const void *object)
{
    struct hapax_table *table = context;
    uint64_t ticket;
    if (trie_find(&table->set.trie, ((const struct trie_object *)object)->hash, is_same, object, &ticket) == NULL &&
        !(load_relaxed(&table->has_lone_values) && registry_contains(table->set.registry, object)))
        return NULL;
    return name_of_values(table);
}

static bool describe(void *context, const void *object, struct registry_description *description)
{
    struct hapax_table *table = context;
    *description = (struct registry_description){.what = "value", .type = name_of_values(table)};
    if (table->is_strings) {
        description->text = canonical_value(object);
        description->size = canonical_size(object);
    }
    return true;
}

static const struct registry_kind values = {
    .doubt = doubt,
    .prefetch = weak_set_prefetch,
    .settle = settle,
    .destroy = weak_set_destroy,
    .type_of = type_of,
    .describe = describe,
    .owner_name = "table",
    .care = weak_set_care,
};

/* ---- Tables ---- */

hapax_table *hapax_table_new(const struct hapax_type *type, unsigned flags)
{
    if (thread_enter() == NULL)
        return NULL;
    if ((flags & ~HAPAX_TABLE_KEEPS_VALUES) != 0 || (type != NULL && (type->flags & ~HAPAX_TYPE_HAS_POINTERS) != 0)) {
        refuse(EINVAL, "hapax_table_new", "unknown flags");
        return NULL;
    }
    struct hapax_table *table = collector_alloc_scanned(sizeof *table);
    if (table == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    if (type != NULL)
        table->type = *type;
    table->is_strings = table->type.size == 0 && table->type.hash == NULL && table->type.equal == NULL &&
                        table->type.copy == NULL && table->type.flags == 0;
    if (!weak_set_init(&table->set, &values, table, flags & HAPAX_TABLE_KEEPS_VALUES ? &table->kept : NULL))
        return NULL;
    table->watched = table_watch_new(table, name_of_values(table));
    collector_wrote(table);
    return table;
}

hapax_table *hapax_strings(void)
{
    static struct hapax_table *_Atomic strings;
    struct hapax_table *table = load_acquire(&strings); /* acquire: it is filled in */
    if (likely(table != NULL))
        return thread_enter() != NULL ? table : NULL;
    struct hapax_table *fresh = hapax_table_new(NULL, 0);
    if (fresh == NULL || hapax_pin(fresh) != 0)
        return NULL;
    if (cas_acq_rel(&strings, &table, fresh))
        return fresh;
    hapax_unpin(fresh);
    return table;
}

/* ---- Interning ---- */

static bool equal_by_type(const struct hapax_table *table, const void *a, const void *b, size_t size)
{
    int before = errno;
    bool equal = table->type.equal(a, b, size);
    errno = before;
    return equal;
}

bool table_equal(const void *object, const void *data)
{
    const struct hapax_canonical *canonical = object;
    const struct table_key *key = data;
    if (canonical_size(canonical) != key->size)
        return false;
    if (key->table->type.equal != NULL)
        return equal_by_type(key->table, canonical_value(canonical), key->value, key->size);
    return equal_bytes(canonical_value(canonical), key->value, key->size);
}

/* A canonical object with the value copied in, known to nobody yet. NULL with ENOMEM. */
static inline struct hapax_canonical *new_canonical(struct hapax_table *table, const struct table_key *key,
                                                    uint64_t hash)
{
    bool is_short = table->is_strings && key->size <= SHORT_MAX;
    size_t header = is_short ? SHORT_VALUE : WIDE_VALUE;
    size_t bytes = header + key->size + 1;
    struct hapax_canonical *canonical = runs_alloc(table->type.flags & HAPAX_TYPE_HAS_POINTERS
                                                       ? &thread_self->scanned_values
                                                       : &thread_self->values,
                                                   bytes);
    if (canonical == NULL)
        return NULL;
    char *value = canonical_begin(canonical, hash, key->size, is_short);
    if (table->type.copy == NULL) {
        copy_bytes(value, key->value, key->size);
    } else if (!table->type.copy(value, key->value, key->size)) {
        errno = ENOMEM;
        return NULL;
    }
    value[key->size] = '\0';
    if (table->type.flags & HAPAX_TYPE_HAS_POINTERS)
        collector_wrote(canonical);
    return canonical;
}

/* A value that does not equal itself is found by nobody: it is kept out of the trie, where it would only be in the
 * way of others with its hash. */
static __attribute__((noinline)) hapax_handle intern_alone(struct hapax_table *table, const struct table_key *key,
                                                           uint64_t hash)
{
    struct hapax_canonical *canonical = new_canonical(table, key, hash);
    if (canonical == NULL)
        return NULL;
    store_relaxed(&table->has_lone_values, true);
    return weak_set_add_unfound(&table->set, &canonical->in_trie) ? canonical : NULL;
}

hapax_handle table_intern(struct hapax_table *table, const void *value, size_t size, uint64_t hash)
{
    if (unlikely(size > HASH_SIZE_MAX)) {
        errno = ENOMEM;
        return NULL;
    }
    struct table_key key = {table, value, size};
    uint64_t ticket;
    hapax_handle handle = trie_find(&table->set.trie, hash, table_equal, &key, &ticket);
    if (handle == NULL) {
        int before = errno;
        /* The type's functions may come to cancellation points: not while an object is half published. */
        bool is_new = true, calls = table->type.equal != NULL || table->type.copy != NULL;
        int cancellation = calls ? cancellation_off() : 0;
        if (table->type.equal != NULL && !equal_by_type(table, value, value, size)) {
            handle = intern_alone(table, &key, hash);
        } else {
            struct hapax_canonical *canonical = new_canonical(table, &key, hash);
            if (canonical != NULL)
                handle = weak_set_publish(&table->set, &canonical->in_trie, table_equal, &key, ticket);
            is_new = handle == canonical;
            keep_reachable(canonical);
        }
        if (calls)
            cancellation_restore(cancellation);
        if (handle != NULL)
            errno = before;
        if (handle != NULL && is_new) {
            probe_intern(table, handle, size);
            if (unlikely(table->watched != NULL))
                table_watch_interned(table->watched, hash);
        }
    }
    keep_reachable(table);
    return handle;
}

/* ---- Iteration ---- */

struct visit {
    bool (*visit)(hapax_handle, void *);
    void *context;
};

static bool visit_object(void *object, void *data)
{
    const struct visit *visit = data;
    return visit->visit(object, visit->context);
}

bool hapax_table_each(hapax_table *table, bool (*visit)(hapax_handle, void *), void *context)
{
    if (thread_enter() == NULL)
        return false;
    if (table == NULL || visit == NULL) {
        refuse(EINVAL, "hapax_table_each", table == NULL ? "the table is NULL" : "the function is NULL");
        return false;
    }
    struct visit each = {visit, context};
    bool to_the_end = registry_each(table->set.registry, visit_object, &each);
    keep_reachable(table);
    return to_the_end;
}
