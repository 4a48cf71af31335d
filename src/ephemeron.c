#include "config.h"

#include "ephemeron.h"

#include "collector.h"
#include "mark.h"
#include "pages.h"
#include "weak_map.h"

#include <errno.h>
#include <string.h>

/* Those who wait, in chains by the hash of what they wait for. In reserved address space: how many places are used is
 * settled in each collection. */
static struct waiter **_Atomic places;
static size_t places_room;              /* a power of two; written before the places are published */
static unsigned places_log;             /* of the places that this collection uses */
static size_t waiting;
static bool places_used;
static bool woke_marked;

/* Woken, and not seen to yet. Not at once: that would recurse. */
static struct waiter *woken;

static uint64_t expected;               /* entries in all maps, and arguments */
uint64_t ephemeron_arguments;

/* An entry takes 64 bytes of this machine's memory, its place eight. */
#define PLACES_SHARE 8
#define FEWEST_PLACES ((size_t)1 << 16)
enum { SMALLEST_LOG = 9, DRAIN_EVERY = 64 };

bool ephemeron_prepare(void)
{
    static spin_lock reserving;
    if (!mark_prepare())
        return false;
    /* Acquire: the room is known. */
    if (likely(load_acquire(&places) != NULL))
        return true;
    size_t room = FEWEST_PLACES, most = pages_physical() / PLACES_SHARE / sizeof(struct waiter *);
    while (room < most)
        room *= 2;
    struct waiter **start;
    while ((start = pages_alloc_lazily(room * sizeof *start)) == NULL && room > FEWEST_PLACES)
        room /= 2;
    if (start == NULL) {
        errno = ENOMEM;
        return false;
    }
    spin_acquire(&reserving);
    bool first = load_relaxed(&places) == NULL;
    if (first) {
        places_room = room;
        store_release(&places, start);
    }
    spin_release(&reserving);
    if (!first)
        pages_free(start, room * sizeof *start);
    return true;
}

/* ---- Waiting ---- */

static struct waiter **place_of(uintptr_t base)
{
    uint64_t spread = (uint64_t)(base / COLLECTOR_GRANULE) * UINT64_C(0x9e3779b97f4a7c15);
    return &load_relaxed(&places)[spread >> (64 - places_log)];
}

static void notice(const void *base)
{
    struct waiter **at = place_of((uintptr_t)base);
    while (*at != NULL) {
        struct waiter *waiter = *at;
        if ((waiter->base & ~WAITER_FLAGS) != (uintptr_t)base) {
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
    struct waiter **place = place_of(waiter->base & ~WAITER_FLAGS);
    waiter->next = *place;
    *place = waiter;
    waiting++;
    places_used = true;
    mark_listen(notice);
}

/* ---- Waking ---- */

/* True where the entry lives, and so does its value now. */
static bool visit_entry(uintptr_t word)
{
    static unsigned visited;
    struct weak_map_entry *entry = weak_set_object(word);
    uintptr_t value = load_relaxed(&entry->value);
    if (value == 0)
        return false;
    if (entry->waiter.base != 0 && !collector_is_marked((void *)entry->waiter.base)) {
        ephemeron_wait(&entry->waiter);
        return false;
    }
    collector_mark(entry);
    mark_word(value);
    if (++visited % DRAIN_EVERY == 0)
        mark_drain();
    return true;
}

static void see_to(struct waiter *waiter)
{
    if (waiter->base & WAITER_IS_MAP) {
        registry_scan(((struct hapax_weak_map *)(waiter->base & ~WAITER_FLAGS))->set.registry, visit_entry);
        return;
    }
    if (waiter->base & WAITER_HAS_ARGUMENT) {
        /* Its first member. */
        mark_word((uintptr_t)((struct waiting_argument *)(void *)waiter)->argument);
        return;
    }
    char *entry = (char *)waiter - offsetof(struct weak_map_entry, waiter);
    mark_word(load_relaxed(&((struct weak_map_entry *)(void *)entry)->value));
}

void ephemeron_drain(void)
{
    for (;;) {
        mark_drain();
        struct waiter *waiter = woken;
        if (waiter == NULL)
            return;
        woken = waiter->next;
        see_to(waiter);
    }
}

void ephemeron_wake(const void *base)
{
    if (waiting == 0)
        return;
    notice(base);
    ephemeron_drain();
}

bool ephemeron_waits(void)
{
    return waiting > 0;
}

/* Wakes what waits for objects that the collector itself has marked since. */
static void wake_marked(void)
{
    size_t count = (size_t)1 << places_log;
    for (size_t i = 0; waiting > 0 && i < count; i++) {
        struct waiter **at = &load_relaxed(&places)[i];
        while (*at != NULL) {
            struct waiter *waiter = *at;
            if (!collector_is_marked((void *)(waiter->base & ~WAITER_FLAGS))) {
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

void ephemeron_brought_back(const void *object)
{
    if (waiting == 0)
        return;
    /* Before it tells of the first such object, the collector has marked what finalizers in order keep alive. Of the
     * others it only marks afterwards what they reach. */
    if (!woke_marked) {
        woke_marked = true;
        wake_marked();
    }
    mark_contents(object);
    ephemeron_drain();
    ephemeron_wake(object);
}

/* ---- The steps of a collection ---- */

static void count_entries(struct registry *registry, void *owner)
{
    (void)owner;
    expected += registry_estimate(registry) + 1;
}

static void visit_map(struct registry *registry, void *owner)
{
    struct weak_map_outside *outside = registry_outside(registry);
    outside->waiter.base = (uintptr_t)owner | WAITER_IS_MAP;
    if (collector_is_marked(owner)) {
        see_to(&outside->waiter);
        ephemeron_drain();
    } else {
        ephemeron_wait(&outside->waiter);
    }
}

void ephemeron_mark_end(void)
{
    if (load_acquire(&places) == NULL) /* acquire: the room is known */
        return;
    expected = ephemeron_arguments;
    registry_each_of_kind(&weak_map_kind, count_entries);
    places_log = SMALLEST_LOG;
    while ((uint64_t)1 << places_log < expected && (size_t)1 << places_log < places_room)
        places_log++;
    registry_each_of_kind(&weak_map_kind, visit_map);
}

void ephemeron_reclaim_end(void)
{
    if (!places_used)
        return;
    /* Who still waits is dead, and perhaps freed already. */
    size_t bytes = sizeof(struct waiter *) << places_log;
    if (bytes > PAGE_BYTES)
        pages_give_back((void *)load_relaxed(&places), bytes);
    else
        memset((void *)load_relaxed(&places), 0, bytes);
    waiting = 0;
    places_used = woke_marked = false;
    mark_listen(NULL);
}
