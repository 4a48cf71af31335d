/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=tables: a line for each table at the end of the process: how many values live in it, how many were evicted, and
 * how many came again after that. Many that come again are a sign of a program that lets go of what it still needs.
 *
 * A table that is watched has a struct watched_table, which outlives it. The hashes of evicted values are remembered, so a
 * new value with such a hash counts as one that comes again; of the most recent four millions, that is.
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
