/* SPDX-License-Identifier: MIT */
/* What the suites of the registry share: an owner that keeps books. */
#ifndef TESTS_REGISTRY_BOOKS_H
#define TESTS_REGISTRY_BOOKS_H

#include "bare_collector.h"
#include "base/pages.h"
#include "weak/registry.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* ---- A kind of owner that keeps books ---- */

struct books {
    uint64_t doubted, settled, destroyed, cares;
};
static struct books books;

static inline uintptr_t doubt(void *context, void *object)
{
    ((struct books *)context)->doubted++;
    return (uintptr_t)object | 1;
}

static inline void *settle(void *context, uintptr_t entry)
{
    struct bare_object *object = (struct bare_object *)(entry & ~(uintptr_t)1);
    ((struct books *)context)->settled++;
    if (object->survives)
        return object;
    object->evicted = true;
    return NULL;
}

static inline void destroy(void *outside)
{
    books.destroyed += *(uint64_t *)outside;
}

static inline void care(void *context)
{
    ((struct books *)context)->cares++;
}

static const struct registry_kind kind = {.doubt = doubt, .settle = settle, .destroy = destroy, .care = care};

static inline struct registry *new_registry(void)
{
    struct registry *registry = registry_new(&kind, NULL, &books, NULL);
    cr_assert_not_null(registry);
    return registry;
}

static inline void put(struct registry *registry, unsigned lane, void *object)
{
    atomic_word *word = registry_reserve(registry, lane);
    cr_assert_not_null(word);
    if (object == NULL) {
        registry_cancel(registry, word);
        return;
    }
    store_release(word, (uintptr_t)object);
    registry_filled(registry, word);
}

static inline struct bare_object *put_many(struct registry *registry, size_t n)
{
    struct bare_object *objects = bare_objects(n);
    for (size_t i = 0; i < n; i++) {
        objects[i].value = i;
        put(registry, 0, &objects[i]);
    }
    return objects;
}

static uint64_t evicted;

static inline void reclaim(void)
{
    evicted = registry_reclaim_end();
}

static inline void collect(void)
{
    registry_decide();
    reclaim();
}

/* ---- What is in a registry ---- */

struct seen {
    const struct bare_object *objects;
    size_t n;
    unsigned char *times;
    uint64_t strangers;
};

static inline bool see(void *object, void *context)
{
    struct seen *seen = context;
    size_t i = (size_t)((const struct bare_object *)object - seen->objects);
    if (i < seen->n)
        seen->times[i]++;
    else
        seen->strangers++;
    return true;
}

/* That exactly those that were not evicted are visited, each once. */
static inline void expect_the_living(struct registry *registry, const struct bare_object *objects, size_t n)
{
    struct seen seen = {objects, n, calloc(n, 1), 0};
    cr_assert(registry_each(registry, see, &seen));
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(seen.times[i], !objects[i].evicted, "object %zu was visited %d times", i, seen.times[i]);
    cr_expect_eq(seen.strangers, 0);
    free(seen.times);
}

#endif
