/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/stats.h>

#include "base/sync.h"
#include "cleanup/cleanup.h"
#include "cleanup/executor.h"
#include "cleanup/finalizer.h"
#include "collector/collector.h"
#include "library/library.h"
#include "runtime/malloc_search.h"
#include "runtime/thread.h"
#include "values/table.h"
#include "weak/cell.h"

void hapax_stats(struct hapax_stats *stats)
{
    if (stats == NULL)
        return;
    *stats = (struct hapax_stats){0};
    if (thread_enter() == NULL)
        return;
    struct library_times times;
    struct cleanup_counts cleanups;
    struct finalizer_counts finalizers;
    library_times(&times);
    cleanup_counts(&cleanups);
    finalizer_counts(&finalizers);
    stats->collections = times.collections;
    stats->collector_ns = times.collector_ns;
    stats->last_pause_ns = times.last_pause_ns;
    stats->weak_cells = weak_count();
    stats->cleanups_pending = cleanups.pending;
    stats->cleanups_queued = cleanups.queued + finalizers.queued;
    stats->cleanups_run = cleanups.run;
    stats->finalizers_run = finalizers.run;
    stats->oldest_queued_ns = executor_oldest_ns();
    struct malloc_search_counts searches;
    malloc_search_counts(&searches);
    stats->searched_bytes = searches.bytes;
    stats->search_ns = searches.ns;
    collector_heap(&stats->heap_bytes, &stats->heap_free_bytes);
}

static bool count_value(void *object, void *data)
{
    struct hapax_table_stats *stats = data;
    stats->live++;
    stats->value_bytes += canonical_size(object);
    return true;
}

void hapax_table_stats(hapax_table *table, struct hapax_table_stats *stats)
{
    if (stats == NULL)
        return;
    *stats = (struct hapax_table_stats){0};
    if (table == NULL || thread_enter() == NULL)
        return;
    struct trie_size size;
    trie_measure(&table->set.trie, &size);
    registry_each(table->set.registry, count_value, stats);
    stats->evicted = registry_evicted(table->set.registry);
    stats->slots = size.slots;
    stats->levels = size.levels;
    stats->overhead_bytes = sizeof *table + size.bytes + registry_bytes(table->set.registry);
    stats->lookups_waited = load_relaxed(&table->set.trie.waited);
    keep_reachable(table);
}
