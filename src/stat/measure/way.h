/* SPDX-License-Identifier: MIT */
/*
 * way.h - the ways of keeping values that are compared.
 *
 *   plain      every value is a heap string of its own: strdup, or with its length in front
 *   interned   every value is a handle of one table
 *   counted    g_ref_string_new_intern of GLib: equal values share a string that counts its uses
 *   arena      g_string_chunk_insert_const of GLib: equal values share a string in an arena, which
 *              frees nothing before it frees all
 *
 * Each value's pointer goes into one array, of the same size for all ways. A way runs in a process
 * of its own, and a failure ends it.
 */
#ifndef STAT_MEASURE_WAY_H
#define STAT_MEASURE_WAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct way {
    const char *name;

    /* Before the first value: all that does not depend on the values. */
    void (*start)(const void **pointers, size_t count);

    /* In every thread that keeps, before its first value. */
    void (*enter_thread)(void);

    /* Keeps one value, behind whose bytes a NUL stands; the pointer that keeps it. Never NULL. */
    const void *(*keep)(const char *data, size_t size);

    /* After the last value: bytes of heap for the values and what holds them together. The array
       of pointers does not count, and what start took does not. */
    uint64_t (*heap_bytes)(const void *const *pointers, size_t count);

    size_t plain_extra; /* of a plain way: bytes that a string has beside its value */
};

extern const struct way way_strdup;
extern const struct way way_counted_plain;
extern const struct way way_interned;

/* NULL if the build has no GLib. */
extern const struct way *const way_glib_counted;
extern const struct way *const way_glib_arena;

/* What start of the interned way took. */
uint64_t way_interned_fixed_bytes(void);

/* Drops every handle; what came back. */
struct way_reclaimed {
    uint64_t evicted;
    double seconds;           /* one collection, and the eviction of all that died in it */
    uint64_t heap_bytes;      /* heap in use before */
    uint64_t heap_left_bytes; /* and after */
};
struct way_reclaimed way_interned_reclaim(const void **pointers, size_t count, uint64_t distinct);

#endif
