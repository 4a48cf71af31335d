/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=tables: at the end of the process, prints a line for each table: how many values live in it, how many
 * were evicted, and how many came again after that. If many come again, the program drops handles that it still needs.
 *
 * Each table that is watched has a struct watched_table, which outlives it. The library remembers the hashes of the
 * most recent four million evicted values. A new value with such a hash counts as one that comes again.
 *
 * Threads: any, beside collections. */
#ifndef HAPAX_TABLE_WATCH_H
#define HAPAX_TABLE_WATCH_H

#include <stddef.h>
#include <stdint.h>

struct watched_table;

/* The library's start: reads the switch. */
void table_watch_start(void);

/* A new table, of values that are called so. NULL: it is not watched. */
struct watched_table *table_watch_new(const void *table, const char *values);
/* A new value with this hash. */
void table_watch_interned(struct watched_table *watched, uint64_t hash);
/* decide: a value with this hash may be evicted. */
void table_watch_doubted(struct watched_table *watched, uint64_t hash);
/* reclaim_end: it was. */
void table_watch_evicted(struct watched_table *watched);

#endif
