/* SPDX-License-Identifier: MIT */
/* Helpers of suites that watch objects die. On conservative stacks one may always stay, so they watch many, and ask for
 * nine out of ten. */
#ifndef TESTS_DYING_H
#define TESTS_DYING_H

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_mark.h>

#include "limits.h"

#include <hapax.h>

#include <stdatomic.h>
#include <string.h>

/* For functions whose frames hold what is to die. */
#define NOINLINE __attribute__((noinline))

/* Where many of a thousand have to be gone. */
#define MOST(count) ((count)*9 / 10)

/* Overwrites the frames that calls from here have left behind. */
static NOINLINE void bury(void)
{
    volatile char frame[32768];
    memset((void *)(uintptr_t)frame, 0, sizeof frame);
}

static inline void collect(void)
{
    bury();
    hapax_collect();
}

/* The same, twice, and whatever hung on the dead has run. */
static inline void collect_all(void)
{
    collect();
    (void)hapax_wait_cleanups(FOR_EVER);
    collect();
    (void)hapax_wait_cleanups(FOR_EVER);
}

/* What was freed is somebody else's from here on. */
static inline void use_what_is_free(void)
{
    enum { PIECES = 4000 };
    for (size_t size = 15; size < 128; size += 16)
        for (unsigned i = 0; i < PIECES; i++)
            memset(hapax_alloc_plain(size), 0xa5, size);
}

static inline void count_one(void *counter)
{
    atomic_fetch_add((atomic_uint *)counter, 1u);
}

#endif
