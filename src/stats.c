#include "config.h"

#include <hapax/stats.h>

#include "cleanup.h"
#include "collector.h"
#include "executor.h"
#include "finalizer.h"
#include "library.h"
#include "thread.h"
#include "weak.h"

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
    collector_heap(&stats->heap_bytes, &stats->heap_free_bytes);
}
