/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "explore_anew.h"

#include "collector/collector.h"
#include "explore_fibers.h"
#include "explore_pages.h"
#include "runtime/thread.h"
#include "weak/chunks.h"
#include "weak/weak_set.h"

#include <string.h>

/* A set that belongs to the process, and has no object left: as if it had never had any. */
static void empty_set(struct registry *registry)
{
    struct weak_set *set = registry->context;
    unsigned char stripe = set->trie.stripe;
    trie_lives *lives = set->trie.lives;
    memset((void *)&set->trie, 0, sizeof set->trie);
    trie_init(&set->trie, registry_outside(registry));
    set->trie.lives = lives;
    set->trie.stripe = stripe;
    memset(registry->outside, 0, sizeof registry->outside);
    atomic_store(&registry->chunks, &registry->first);
    atomic_store(&registry->only_lane.open, &registry->first);
    atomic_store(&registry->lanes, NULL);
    atomic_store(&registry->spare, NULL);
    atomic_store(&registry->slabs, NULL);
    atomic_store(&registry->evicted, 0);
    atomic_store(&registry->rounds, 0);
    atomic_store(&registry->first.used, 0);
    memset(registry->first_words, 0, sizeof registry->first_words);
}

void explore_begin_anew(void (*run)(void))
{
    fibers_begin_anew(run);
    for (unsigned i = 0; i < EXPLORE_THREADS; i++)
        if (fibers[i].self != NULL)
            thread_forget_runs(fibers[i].self);
    thread_forget_runs(thread_self);
    collector_collect();
    for (struct registry *registry = registry_list; registry != NULL; registry = registry->next)
        if (registry->owner == NULL && registry->context != NULL)
            empty_set(registry);
    /* What they have used. */
    collector_collect();
    pages_begin_anew();
}
