/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "debug/lost.h"

#include "base/environment.h"
#include "base/pages.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "debug/report.h"
#include "runtime/malloc_memory.h"
#include "runtime/malloc_search.h"
#include "weak/registry.h"

#include <errno.h>
#include <string.h>

/* Both tables are open addressing with linear probing, in pages of our own that take memory where they are touched. */
enum { ROOM_LOG = 20, ROOM = 1 << ROOM_LOG, FULL = ROOM / 4 * 3 };

static inline size_t first_row(uintptr_t object)
{
    return (size_t)(object / COLLECTOR_GRANULE * 0x9e3779b97f4a7c15u >> (64 - ROOM_LOG));
}

/* ---- Where things were made ---- */

/* What is dead stays here, until something else at its address is made. */
struct site {
    atomic_word object;
    const void *_Atomic address;
};
static struct site *sites;
static atomic_uint site_count;

static struct site *find_site(uintptr_t object)
{
    size_t at = first_row(object);
    uintptr_t there;
    while ((there = load_relaxed(&sites[at].object)) != 0 && there != object)
        at = (at + 1) % ROOM;
    return &sites[at];
}

static void made(const void *object)
{
    for (;;) {
        struct site *site = find_site((uintptr_t)object);
        uintptr_t there = load_relaxed(&site->object);
        if (there == 0) {
            if (load_relaxed(&site_count) >= FULL)
                return;
            if (!cas_acquire(&site->object, &there, (uintptr_t)object))
                continue;
            add_relaxed(&site_count, 1u);
        }
        store_relaxed(&site->address, debug_report_site(__builtin_return_address(0)));
        return;
    }
}

/* ---- What is about to go ---- */

struct doomed {
    uintptr_t object;
    const struct registry_kind *kind;
    void *context;      /* NULL: the object is the owner of its registry */
    bool found;
};
static struct doomed *doomed;
static size_t doomed_count;
static uintptr_t low, high;     /* of their addresses */

static struct doomed *find_doomed(uintptr_t object)
{
    size_t at = first_row(object);
    while (doomed[at].object != 0 && doomed[at].object != object)
        at = (at + 1) % ROOM;
    return &doomed[at];
}

static void add_doomed(const struct registry_kind *kind, void *context, const void *object)
{
    if (doomed_count == FULL)
        return;
    uintptr_t address = (uintptr_t)object;
    struct doomed *row = find_doomed(address);
    doomed_count += row->object == 0;
    *row = (struct doomed){address, kind, context, false};
    low = address < low ? address : low;
    high = address > high ? address : high;
}

/* ---- Where their addresses stand ---- */

enum { LINES = 20 };            /* of one collection */
static unsigned lines;
static uint64_t further;

static void tell(const struct doomed *row, uintptr_t at, enum memory_owner owner)
{
    struct lost_thing lost = {.object = (const void *)row->object, .at = (const void *)at, .where = owner,
                              .site = load_relaxed(&find_site(row->object)->address)};
    struct registry_description description = {.what = row->kind->owner_name};
    if (row->context != NULL)
        (void)row->kind->describe(row->context, lost.object, &description);
    lost.what = description.what;
    lost.table = description.type != NULL ? row->context : NULL;
    if (description.type != NULL)
        strncpy(lost.type, description.type, sizeof lost.type - 1);
    lost.has_text = description.text != NULL;
    lost.text_size = description.size;
    if (lost.has_text)
        memcpy(lost.text, description.text, description.size < sizeof lost.text ? description.size : sizeof lost.text);
    if (lines == LINES || !debug_report_lost(&lost))
        further++;
    else
        lines++;
}

/* Whether the page that this word stands in has a small number in each second place. */
__attribute__((no_sanitize_address)) static bool is_page_of_entries(const uintptr_t *first, const uintptr_t *word,
                                                                    const uintptr_t *last)
{
    enum { WORDS = PAGE_BYTES / sizeof *word, LARGEST = 1 << 24 };
    const uintptr_t *start = first + (size_t)(word - first) / WORDS * WORDS;
    for (const uintptr_t *second = start + 1; second < last && second < start + WORDS; second += 2)
        if (*second > LARGEST)
            return false;
    return true;
}

/* The collector has mapped memory, too, and does not say which. Its tables have the address of each of its blocks, and
 * so of the first object there. Its mark stack has addresses of objects to search; behind each stands its size, in most
 * kinds without the word that the collector adds, or 0 after another thread has taken the entry. It also has ranges to
 * search: a start and a length. Both stay when they are done with, while other objects take the place of what they
 * name: larger or smaller ones, and such as are never searched. */
__attribute__((no_sanitize_address)) static bool is_of_collector(const uintptr_t *first, const uintptr_t *word,
                                                                 const uintptr_t *last, uintptr_t base)
{
    enum { MOST_OF_RANGE = 1 << 20 };
    if (*word % PAGE_BYTES == 0)
        return true;
    if (word + 1 == last || word[1] % sizeof *word != 0 || word[1] > MOST_OF_RANGE)
        return false;
    if (*word != base)
        return word[1] != 0;
    size_t scan = collector_scan_size((const void *)base);
    if (scan > 0 && (scan - word[1] <= sizeof *word || word[1] == 0))
        return true;
    return is_page_of_entries(first, word, last);
}

__attribute__((no_sanitize_address)) static void look(const void *start, const void *end, uintptr_t at,
                                                      enum memory_owner owner)
{
    const uintptr_t *word = (const uintptr_t *)(((uintptr_t)start + sizeof *word - 1) & -sizeof *word);
    const uintptr_t *last = (const uintptr_t *)((uintptr_t)end & -sizeof *word), *first = word;
    for (; word < last; word++) {
        if (*word - low > high - low + COLLECTOR_GRANULE)
            continue;
        uintptr_t base = (uintptr_t)collector_base((const void *)*word);
        struct doomed *row = base != 0 ? find_doomed(base) : NULL;
        if (row == NULL || row->object == 0 || row->found ||
            (owner == OWNED_BY_PROGRAM && is_of_collector(first, word, last, base)))
            continue;
        row->found = true;
        tell(row, at + ((uintptr_t)word - (uintptr_t)start), owner);
    }
}

/* ---- A collection ---- */

void lost_before_stop(void)
{
    if (unlikely(doomed != NULL))
        malloc_memory_tidy_up();
}

void lost_mark_end(void)
{
    if (likely(doomed == NULL))
        return;
    doomed_count = lines = 0;
    further = 0;
    low = UINTPTR_MAX;
    high = 0;
    registry_each_doomed(add_doomed);
    if (doomed_count == 0)
        return;
    /* Nothing is said of a block that may have been freed. */
    if (!malloc_search_is_on())
        (void)malloc_memory_each(look, true);
    (void)malloc_memory_each_mapped(look);
    debug_report_lost_further(further);
    pages_give_back(doomed, ROOM * sizeof *doomed);
}

int lost_start(void)
{
    if (doomed != NULL || !environment_debug("lost"))
        return 0;
    struct site *some_sites = pages_alloc_lazily(ROOM * sizeof *some_sites);
    struct doomed *rows = pages_alloc_lazily(ROOM * sizeof *rows);
    if (some_sites == NULL || rows == NULL || !malloc_memory_prepare()) {
        errno = ENOMEM;
        return -1;
    }
    sites = some_sites;
    doomed = rows;
    registry_observer = made;
    return 0;
}
