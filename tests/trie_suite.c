/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie_suite.h"

#include <stdlib.h>

struct trie trie;
struct trie_outside outside;
atomic_word announced;

void begin_trie(void)
{
    trie_init(&trie, &outside);
}

struct trie_walk expect_well_formed(void)
{
    struct trie_walk walk;
    const char *error = trie_check(&trie, &walk);
    cr_assert_null(error, "%s", error);
    return walk;
}

uint64_t spread(uint64_t number)
{
    number *= UINT64_C(0x9e3779b97f4a7c15);
    number ^= number >> 32;
    number *= UINT64_C(0xd6e8feb86659fd93);
    return number ^ number >> 32;
}

bool equal(const void *object, const void *key)
{
    return ((const struct bare_object *)object)->value == *(const uint64_t *)key;
}

struct bare_object *find(uint64_t value, uint64_t hash)
{
    uint64_t ticket;
    struct bare_object *quick = trie_find_quickly(&trie, hash, equal, &value);
    struct bare_object *found = trie_find(&trie, hash, equal, &value, &ticket);
    /* A quick look may miss; what it finds is the truth. */
    cr_assert(quick == NULL || quick == found);
    return found;
}

struct bare_object *put_into(struct trie *into, struct bare_object *object, uint64_t value, uint64_t hash,
                             uint64_t count)
{
    uint64_t ticket;
    object->value = value;
    object->in_trie.hash = hash;
    for (;;) {
        struct bare_object *found = trie_find(into, hash, equal, &value, &ticket);
        if (found != NULL)
            return found;
        switch (trie_insert(into, &object->in_trie, ticket, &announced)) {
        case TRIE_DONE:
            return object;
        case TRIE_CROWDED:
            cr_assert(trie_make_room(into, count));
            break;
        case TRIE_UNSETTLED:
            collector_wait();
            break;
        case TRIE_CHANGED:
            break;
        }
    }
}

struct bare_object *put(struct bare_object *object, uint64_t value, uint64_t hash)
{
    return put_into(&trie, object, value, hash, 0);
}

struct bare_object *put_many(size_t n, uint64_t first)
{
    struct bare_object *objects = bare_objects(n);
    for (size_t i = 0; i < n; i++) {
        cr_assert_eq(put_into(&trie, &objects[i], first + i, spread(first + i), first + i + 1), &objects[i]);
        if (i % 32 == 0)
            trie_consider_growth(&trie, first + i);
        (void)trie_help(&trie, spread(first + i));
    }
    return objects;
}

void expect_found(const struct bare_object *objects, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct bare_object *expected = objects[i].evicted ? NULL : &objects[i];
        cr_assert_eq(find(objects[i].value, objects[i].in_trie.hash), expected, "value %zu of %zu", i, n);
    }
}

/* ---- A collection ---- */

static struct bare_object *doubted_objects;
atomic_word **places;
static size_t doubted;

void doubt(struct bare_object *objects, size_t n)
{
    doubted_objects = objects;
    places = calloc(n, sizeof *places);
    doubted = n;
    for (size_t i = 0; i < n; i++)
        if (!objects[i].marked && !objects[i].evicted) {
            places[i] = trie_doubt(&trie, &objects[i].in_trie);
            cr_assert_not_null(places[i]);
        }
}

static bool survived(const void *object)
{
    return ((const struct bare_object *)object)->survives;
}

void settle(void)
{
    for (size_t i = 0; i < doubted; i++)
        if (places[i] != NULL) {
            void *object = trie_settle(places[i], survived);
            cr_assert(object == NULL || object == &doubted_objects[i]);
            doubted_objects[i].evicted = object == NULL;
        }
    free(places);
    doubted = 0;
}

void collect(struct bare_object *objects, size_t n)
{
    doubt(objects, n);
    settle();
}

void kill_but_each(struct bare_object *objects, size_t n, size_t each)
{
    for (size_t i = 0; i < n; i++)
        objects[i].marked = i % each == 0;
    collect(objects, n);
}

