/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cleanup/ephemeron.h"

#include "base/pages.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "collector/mark.h"
#include "collector/reach.h"

#include <assert.h>
#include <string.h>

/* Waiters, in chains by the hash of what they wait for. How many places are used is settled in each collection,
 * which makes more room where it needs more. */
static struct pages_once places;        /* pointers to waiters, as many as a power of two */
static unsigned places_log;             /* of the places that this collection uses */
static size_t waiting;
static bool places_used;
static bool woke_marked;

/* Woken, and not seen to yet. Not at once: that would recurse. */
static struct waiter *woken;

/* By kind. Written at the library's start. */
static void (*woken_of_kind[WAITER_KINDS])(struct waiter *waiter);
static unsigned kinds;

enum { SMALLEST_LOG = 9 };

uintptr_t ephemeron_kind(void (*function)(struct waiter *waiter))
{
    for (unsigned kind = 0; kind < kinds; kind++)
        if (woken_of_kind[kind] == function)
            return kind;
    assert(kinds < WAITER_KINDS);
    woken_of_kind[kinds] = function;
    return kinds++;
}

bool ephemeron_prepare(void)
{
    if (!mark_prepare() || !reach_prepare())
        return false;
    if (likely(load_acquire(&places.start) != NULL))  /* acquire: their size is seen in collections */
        return true;
    size_t bytes = sizeof(struct waiter *) << SMALLEST_LOG;
    return pages_alloc_once(&places, bytes, bytes);
}

static struct waiter **all_places(void)
{
    return load_relaxed(&places.start);
}

/* ---- Waiting ---- */

static struct waiter **place_of(uintptr_t base)
{
    uint64_t spread = (uint64_t)(base / COLLECTOR_GRANULE) * UINT64_C(0x9e3779b97f4a7c15);
    return &all_places()[spread >> (64 - places_log)];
}

void ephemeron_notice(const void *base)
{
    if (waiting == 0)
        return;
    struct waiter **at = place_of((uintptr_t)base);
    while (*at != NULL) {
        struct waiter *waiter = *at;
        if ((waiter->base & ~WAITER_KIND) != (uintptr_t)base) {
            at = &waiter->next;
            continue;
        }
        *at = waiter->next;
        waiter->next = woken;
        woken = waiter;
        waiting--;
    }
}

void ephemeron_wait(struct waiter *waiter)
{
    struct waiter **place = place_of(waiter->base & ~WAITER_KIND);
    waiter->next = *place;
    *place = waiter;
    waiting++;
    places_used = true;
    mark_listen(ephemeron_notice);
}

/* ---- Waking ---- */

static void (*heard_by)(void *value);

void ephemeron_listen(void (*marked)(void *value))
{
    heard_by = marked;
}

void ephemeron_mark(void *value)
{
    mark_word((uintptr_t)value);
    if (unlikely(heard_by != NULL))
        heard_by(value);
}

void ephemeron_drain(void)
{
    for (;;) {
        mark_drain();
        struct waiter *waiter = woken;
        if (waiter == NULL)
            return;
        woken = waiter->next;
        woken_of_kind[waiter->base & WAITER_KIND](waiter);
    }
}

void ephemeron_wake(const void *base)
{
    ephemeron_notice(base);
    ephemeron_drain();
}

bool ephemeron_waits(void)
{
    return waiting > 0;
}

void ephemeron_wake_marked(void)
{
    size_t count = (size_t)1 << places_log;
    for (size_t i = 0; waiting > 0 && i < count; i++) {
        struct waiter **at = &all_places()[i];
        while (*at != NULL) {
            struct waiter *waiter = *at;
            if (!collector_is_marked((void *)(waiter->base & ~WAITER_KIND))) {
                at = &waiter->next;
                continue;
            }
            *at = waiter->next;
            waiter->next = woken;
            woken = waiter;
            waiting--;
        }
    }
    ephemeron_drain();
}

void ephemeron_catch_up(void)
{
    while (waiting > 0 && mark_unheard())
        ephemeron_wake_marked();
}

void ephemeron_brought_back(const void *object)
{
    if (waiting == 0)
        return;
    /* Before it tells of the first such object, the collector has marked what finalizers in order keep alive. Of the
     * others it only marks afterwards what they reach. */
    if (!woke_marked) {
        woke_marked = true;
        ephemeron_wake_marked();
    }
    mark_contents(object);
    ephemeron_drain();
    ephemeron_wake(object);
    ephemeron_catch_up();
}

/* ---- The steps of a collection ---- */

bool ephemeron_mark_begin(uint64_t expected)
{
    if (load_acquire(&places.start) == NULL) /* acquire: their size is known */
        return false;
    places_log = SMALLEST_LOG;
    while ((uint64_t)1 << places_log < expected)
        places_log++;
    size_t bytes = sizeof(struct waiter *) << places_log, room = load_relaxed(&places.size);
    /* Nobody waits yet. Where the system has no more pages, chains are longer. */
    if (bytes > room && !pages_widen(&places, bytes, 0))
        while (sizeof(struct waiter *) << places_log > room)
            places_log--;
    return true;
}

void ephemeron_reclaim_end(void)
{
    if (!places_used)
        return;
    /* Who still waits is dead, and perhaps freed already. */
    size_t bytes = sizeof(struct waiter *) << places_log;
    if (bytes > PAGE_BYTES)
        pages_give_back((void *)all_places(), bytes);
    else
        memset((void *)all_places(), 0, bytes);
    waiting = 0;
    places_used = woke_marked = false;
    mark_listen(NULL);
}
