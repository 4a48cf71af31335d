/* SPDX-License-Identifier: MIT */
/*
 * hapax/stats.h - what the library counts.
 *
 * The numbers are exact after hapax_collect and hapax_wait_cleanups, while nobody else works;
 * beside other threads each is a recent value of its own. Evictions from tables are no cleanups,
 * and are not counted as such.
 *
 * Source of the semantics: Go's package runtime/metrics.
 */
#ifndef HAPAX_STATS_H
#define HAPAX_STATS_H

#include <stdint.h>

#include <hapax/export.h>
#include <hapax/handle.h>

HAPAX_BEGIN_DECLS

/* The process. */
struct hapax_stats {
    uint64_t collections;      /* collections that ran to their end since the start */
    uint64_t collector_ns;     /* nanoseconds spent in hapax's own work inside collections, in all */
    uint64_t last_pause_ns;    /* nanoseconds of it while the threads last stood still */
    uint64_t weak_cells;       /* weak pointers that exist */
    uint64_t cleanups_pending; /* cleanups registered whose objects live */
    uint64_t cleanups_queued;  /* cleanups and finalizers that wait to run */
    uint64_t cleanups_run;     /* cleanups that have run since the start */
    uint64_t oldest_queued_ns; /* nanoseconds that the oldest queued one has waited; 0: none */
    uint64_t finalizers_run;   /* finalizers of hapax that have run since the start */
    uint64_t heap_bytes;       /* bytes of the collector's heap */
    uint64_t heap_free_bytes;  /* bytes of it that are free */
    uint64_t searched_bytes;   /* bytes of malloc's memory that collections have searched, in all */
    uint64_t search_ns;        /* nanoseconds that the searches took, in all */
    uint64_t spare[19];        /* 0; the counters of later versions take their places */
};

/* One table. */
struct hapax_table_stats {
    uint64_t live;           /* values in the table */
    uint64_t evicted;        /* values that died and were taken out, since the table was made */
    uint64_t slots;          /* places for values and nodes in all nodes of the trie */
    uint64_t levels;         /* nodes on the longest way from the root to a value */
    uint64_t value_bytes;    /* bytes of the live values, as they were given */
    uint64_t overhead_bytes; /* bytes the table needs besides the values */
    uint64_t lookups_waited; /* lookups that waited for a collection to settle an entry */
    uint64_t spare[9];       /* 0; as above */
};

/* In C++ a struct has a constructor, and -Wshadow warns of a function of the same name. */
#if defined(__GNUC__) && defined(__cplusplus)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif

/*
 * Fills in the numbers of the process. NULL is ignored.
 *
 * Errors: none. Threads: safe beside every other call.
 * Keeps alive: nothing.
 * Source: runtime/metrics.Read of Go.
 */
HAPAX_API void hapax_stats(struct hapax_stats *stats);

/*
 * Fills in the numbers of a table; all zero for a NULL table. NULL stats is ignored.
 *
 * Errors: none. Threads: safe beside every other call, on the same table too.
 * Keeps alive: the table, during the call. Does not keep alive: its values.
 * Source: runtime/metrics.Read of Go.
 */
HAPAX_API void hapax_table_stats(hapax_table *table, struct hapax_table_stats *stats);

#if defined(__GNUC__) && defined(__cplusplus)
#pragma GCC diagnostic pop
#endif

HAPAX_END_DECLS

#endif
