#include "config.h"

#include "weak_set.h"

#include "collector.h"
#include "executor.h"
#include "thread.h"

#include <assert.h>

static_assert(sizeof(struct trie_region) <= REGISTRY_OUTSIDE_BYTES, "the region outlives the set");

bool weak_set_init(struct weak_set *set, const struct registry_kind *kind, void *owner, void *_Atomic *keep)
{
    /* The registry last: from then on others may look into the set. */
    if (!trie_init(&set->trie, NULL) || (set->registry = registry_new(kind, owner, set, keep)) == NULL)
        return false;
    set->trie.region = registry_outside(set->registry);
    return true;
}

static void keep_in_shape(struct weak_set *set, const atomic_word *word)
{
    if (unlikely(registry_round(word))) {
        trie_consider_growth(&set->trie, registry_estimate(set->registry));
        /* The library's thread takes the root of a large set together when its objects have died. Where it cannot run,
         * inserts grow into the wide root again. */
        if (load_relaxed(&set->trie.moved_out))
            (void)executor_ensure_threads();
    }
    trie_help(&set->trie);
}

void *weak_set_publish(struct weak_set *set, struct trie_object *object, trie_equal *equal, const void *key,
                       uint64_t ticket)
{
    atomic_word *word = registry_reserve(set->registry, thread_self->lane);
    if (word == NULL)
        return NULL;
    for (enum trie_outcome outcome;
         (outcome = trie_insert(&set->trie, object, ticket, word)) != TRIE_DONE;) {
        void *found = NULL;
        if (outcome == TRIE_UNSETTLED)
            collector_wait();
        bool room = outcome != TRIE_CROWDED || trie_make_room(&set->trie);
        if (room)
            found = trie_find(&set->trie, object->hash, equal, key, &ticket);
        if (!room || found != NULL) {
            registry_cancel(set->registry, word);
            return found;
        }
    }
    registry_filled(set->registry, word);
    keep_in_shape(set, word);
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
    trie_region_free(outside);
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
