/* SPDX-License-Identifier: MIT */
/*
 * hapax/stats.h - what the library counts.
 *
 * After hapax_collect and hapax_wait_cleanups the numbers are exact, if no
 * other thread works meanwhile. Otherwise each number is recent, but they may
 * come from different moments. Evictions from tables do not count as cleanups.
 *
 * Source of the semantics: Go's package runtime/metrics.
 */
#ifndef HAPAX_STATS_H
#define HAPAX_STATS_H

#include <stdint.h>

#include <hapax/export.h>
#include <hapax/handle.h>

HAPAX_BEGIN_DECLS

/* The process. All times are in nanoseconds. */
struct hapax_stats {
    uint64_t collections;      /* collections that have ended since the start */
    uint64_t collector_ns;     /* time of hapax's own work in all collections */
    uint64_t last_pause_ns;    /* of the last one, with the threads stopped */
    uint64_t weak_cells;       /* weak pointers that exist */
    uint64_t cleanups_pending; /* cleanups whose objects live */
    uint64_t cleanups_queued;  /* cleanups and finalizers that wait to run */
    uint64_t cleanups_run;     /* cleanups that have run since the start */
    uint64_t oldest_queued_ns; /* how long the oldest has waited; 0: none */
    uint64_t finalizers_run;   /* finalizers that have run since the start */
    uint64_t heap_bytes;       /* bytes of the collector's heap */
    uint64_t heap_free_bytes;  /* bytes of it that are free */
    uint64_t searched_bytes;   /* bytes of malloc's memory searched, in all */
    uint64_t search_ns;        /* time that these searches took, in all */
    uint64_t spare[19];        /* 0; later versions put counters here */
};

/* One table. */
struct hapax_table_stats {
    uint64_t live;           /* values in the table */
    uint64_t evicted;        /* values that died, since it was made */
    uint64_t slots;          /* words for values and links in its trie */
    uint64_t levels;         /* nodes on the longest path to a value */
    uint64_t value_bytes;    /* bytes of the live values, as they were given */
    uint64_t overhead_bytes; /* bytes the table needs besides the values */
    uint64_t lookups_waited; /* lookups that waited for a collection */
    uint64_t spare[9];       /* 0; as above */
};

/* In C++ a struct has a constructor, and -Wshadow warns of a function of the
   same name. */
#if defined(__GNUC__) && defined(__cplusplus)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

/*
 * Fills in the numbers of the process. Does nothing if stats is NULL.
 *
 * Errors: none. Threads: any thread may call it at any time.
 * Keeps alive: nothing.
 * Source: runtime/metrics.Read of Go.
 */
HAPAX_API void hapax_stats(struct hapax_stats *stats);

/*
 * Fills in the numbers of a table; all zero if table is NULL. Does nothing if
 * stats is NULL.
 *
 * Errors: none.
 * Threads: any thread may call it at any time, even while others use the same
 * table.
 * Keeps alive: the table, during the call. Does not keep alive: its values.
 * Source: runtime/metrics.Read of Go.
 */
HAPAX_API void hapax_table_stats(hapax_table *table,
                                 struct hapax_table_stats *stats);

#if defined(__GNUC__) && defined(__cplusplus)
#pragma GCC diagnostic pop
#endif

HAPAX_END_DECLS

#endif
