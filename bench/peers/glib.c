/* SPDX-License-Identifier: MIT */
/* GLib's interned reference-counted strings: g_ref_string_new_intern. One hash
   table behind one lock; a string is freed when its last reference goes.

   Interning takes a NUL-terminated string, so each token is terminated in a
   buffer first, as a program that cuts text has to. */

#include <glib.h>

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEER_NAME "glib"

enum { BUFFER_BYTES = 4096 };

static char **kept;

static const char *peer_version(void)
{
    static char text[64];
    snprintf(text, sizeof text, "GLib %u.%u.%u", glib_major_version, glib_minor_version, glib_micro_version);
    return text;
}

static void peer_start(size_t distinct)
{
    kept = (char **)bench_alloc(distinct * sizeof *kept);
}

static inline char *intern(const void *data, size_t size)
{
    char buffer[BUFFER_BYTES];
    if (size >= sizeof buffer) {
        fprintf(stderr, "glib: a token of %zu bytes is too long for the buffer\n", size);
        exit(2);
    }
    memcpy(buffer, data, size);
    buffer[size] = '\0';
    return g_ref_string_new_intern(buffer);
}

static inline void peer_keep(size_t slot, const void *data, size_t size)
{
    kept[slot] = intern(data, size);
}

static inline uintptr_t peer_touch(const void *data, size_t size)
{
    char *string = intern(data, size);
    g_ref_string_release(string);
    return (uintptr_t)string;
}

static uintptr_t peer_identity(size_t slot)
{
    return (uintptr_t)kept[slot];
}

static const void *peer_kept(size_t slot, size_t *size)
{
    *size = g_ref_string_length(kept[slot]);
    return kept[slot];
}

#define PEER_THREADS
static void peer_enter_thread(void) {}
static void peer_leave_thread(void) {}

#define PEER_RECLAIM
static unsigned peer_drop_all(size_t distinct)
{
    for (size_t i = 0; i < distinct; ++i)
        g_ref_string_release(kept[i]);
    return 0;
}

/* The table cannot be asked; what malloc still holds is in the same line. */
static size_t peer_values_left(void)
{
    return 0;
}

#define PEER_CHURN

#include "peer.h"
