/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* clock_gettime */
#endif

#include "stops.h"

#include <gc/gc.h>

#include <stdatomic.h>
#include <time.h>

static GC_on_collection_event_proc previous;

/* Only the collecting thread uses it, which holds the collector's lock. */
static uint64_t began;

/* Atomic since another thread may collect; relaxed since nothing hangs on their order. */
static _Atomic uint64_t count, longest;

static uint64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

static void on_event(GC_EventType event)
{
    if (event == GC_EVENT_PRE_STOP_WORLD)
        began = now();
    if (previous != NULL)
        previous(event);
    if (event == GC_EVENT_POST_START_WORLD) {
        uint64_t took = now() - began;
        atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
        if (took > atomic_load_explicit(&longest, memory_order_relaxed))
            atomic_store_explicit(&longest, took, memory_order_relaxed);
    }
}

void stops_watch(void)
{
    previous = GC_get_on_collection_event();
    GC_set_on_collection_event(on_event);
}

void stops_reset(void)
{
    atomic_store_explicit(&count, 0, memory_order_relaxed);
    atomic_store_explicit(&longest, 0, memory_order_relaxed);
}

uint64_t stops_count(void)
{
    return atomic_load_explicit(&count, memory_order_relaxed);
}

uint64_t stops_longest_ns(void)
{
    return atomic_load_explicit(&longest, memory_order_relaxed);
}
