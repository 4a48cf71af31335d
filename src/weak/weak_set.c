/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "weak/weak_set.h"

#include "cleanup/executor.h"
#include "collector/collector.h"
#include "runtime/thread.h"
#include "trie/root.h"
#include "weak/churn.h"

#include <assert.h>

static_assert(sizeof(struct trie_outside) <= REGISTRY_OUTSIDE_BYTES, "what is outside outlives the set");

bool weak_set_init(struct weak_set *set, const struct registry_kind *kind, void *owner, void *_Atomic *keep)
{
    /* Others may look into the set as soon as the registry is known. */
    trie_init(&set->trie, NULL);
    if (kind->lives != NULL)
        set->trie.lives = kind->lives;
    set->registry = registry_new(kind, owner, set, keep);
    if (set->registry == NULL)
        return false;
    set->trie.outside = registry_outside(set->registry);
    return true;
}

static __attribute__((noinline)) void consider_growth(struct weak_set *set)
{
    churn_added(REGISTRY_ROUND);
    trie_consider_growth(&set->trie, registry_estimate(set->registry));
    /* The library's thread takes the root of a large set together when its objects have died. Where it cannot run,
     * inserts grow into the wide root again. */
    if (trie_is_large(&set->trie))
        (void)executor_ensure_threads();
}

/* After an insert was not done: does what it wants, and searches again, until it is done or another object is found, or
 * memory is short. Answers as weak_set_publish. */
static __attribute__((noinline)) void *publish_again(struct weak_set *set, struct trie_object *object,
                                                     trie_equal *equal, const void *key, enum trie_outcome outcome,
                                                     atomic_word *word)
{
    do {
        if (outcome == TRIE_UNSETTLED)
            collector_wait();
        if (outcome == TRIE_CROWDED && !trie_make_room(&set->trie, registry_estimate(set->registry)))
            return NULL;
        uint64_t ticket;
        void *found = trie_find(&set->trie, object->hash, equal, key, &ticket);
        if (found != NULL)
            return found;
        outcome = trie_insert(&set->trie, object, ticket, word);
    } while (outcome != TRIE_DONE);
    return object;
}

void *weak_set_publish(struct weak_set *set, struct trie_object *object, trie_equal *equal, const void *key,
                       uint64_t ticket)
{
    atomic_word *word = registry_reserve(set->registry, thread_self->lane);
    if (word == NULL)
        return NULL;
    void *published = object;
    enum trie_outcome outcome = trie_insert(&set->trie, object, ticket, word);
    if (unlikely(outcome != TRIE_DONE))
        published = publish_again(set, object, equal, key, outcome, word);
    if (unlikely(published != object)) {
        registry_cancel(set->registry, word);
        return published;
    }
    registry_filled(set->registry, word);
    if (unlikely(registry_observer != NULL))
        registry_observer(object);
    if (unlikely(registry_round(word)))
        consider_growth(set);
    if (unlikely(trie_wants_help(&set->trie)))
        (void)trie_help(&set->trie, object->hash);
    return object;
}

bool weak_set_add_unfound(struct weak_set *set, struct trie_object *object)
{
    atomic_word *word = registry_reserve(set->registry, thread_self->lane);
    if (word == NULL)
        return false;
    store_release(word, (uintptr_t)object); /* release: an iteration finds it filled in */
    registry_filled(set->registry, word);
    return true;
}

void weak_set_prefetch(void *context, const void *object)
{
    struct weak_set *set = context;
    const struct trie_object *in_trie = object;
    __builtin_prefetch((const void *)trie_favourite_place(&set->trie, in_trie->hash));
}

void weak_set_destroy(void *outside)
{
    trie_free_outside(outside);
}

void weak_set_care(void *context)
{
    struct weak_set *set = context;
    trie_shrink(&set->trie, registry_estimate(set->registry));
}

uintptr_t weak_set_doubt(struct weak_set *set, struct trie_object *object)
{
    atomic_word *place = trie_doubt(&set->trie, object);
    return place != NULL ? (uintptr_t)place | 1 : weak_set_stays(object);
}
