/* SPDX-License-Identifier: MIT */
/* What bdwgc knows of single objects: their bases and sizes, and their marks. Declared in collector.h. */
#include "config.h"

#include "collector/collector.h"

#include "base/sync.h"
#include "collector/kinds.h"

#ifndef GC_THREADS
#define GC_THREADS 1
#endif
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_mark.h>

void *collector_base(const void *pointer)
{
    /* GC_base reads only the block's header. */
    return GC_base((void *)(uintptr_t)pointer);
}

bool collector_inner_pointers_count(void)
{
    return GC_get_all_interior_pointers() != 0;
}

/* The last word of bdwgc's debugging header, combined with the address behind it (START_FLAG in its dbg_mlc.h). */
#define DEBUG_HEADER_MARK ((uintptr_t)UINT64_C(0xfedcedcbfedcedcb))

void *collector_first_byte(void *base)
{
    uintptr_t *behind = (uintptr_t *)(void *)((char *)base + GC_get_debug_header_size());
    bool has_header =
        GC_size(base) > GC_get_debug_header_size() && behind[-1] == (DEBUG_HEADER_MARK ^ (uintptr_t)behind);
    return has_header ? behind : base;
}

size_t collector_size(const void *base)
{
    return GC_size(base);
}

bool collector_is_marked(const void *base)
{
    return GC_is_marked(base) != 0;
}

bool collector_is_object(const void *base)
{
    /* GC_base follows no header that is not there. GC_is_marked does. */
    return GC_base((void *)(uintptr_t)base) == base;
}

bool collector_lives(const void *base)
{
    return collector_is_object(base) && GC_is_marked(base) != 0;
}

void collector_mark(const void *base)
{
    GC_set_mark_bit(base);
}

void collector_unmark(const void *base)
{
    GC_clear_mark_bit(base);
}

bool collector_is_value(const void *base)
{
    int kind = GC_get_kind_and_size(base, NULL);
    return kind == kinds_ours[COLLECTOR_VALUE] || kind == kinds_ours[COLLECTOR_SCANNED_VALUE];
}

size_t collector_scan_size(const void *base)
{
    size_t size;
    int kind = GC_get_kind_and_size(base, &size);
    return kind == kinds_ours[COLLECTOR_PLAIN] || kind == kinds_ours[COLLECTOR_VALUE] ? 0 : size;
}

static struct collector_range mark(const void *base)
{
    size_t size;
    int kind = GC_get_kind_and_size(base, &size);
    bool is_plain = kind == kinds_ours[COLLECTOR_PLAIN] || kind == kinds_ours[COLLECTOR_VALUE];
    if (!is_plain && kind > KIND_SCANNED_ROOT && kind != kinds_ours[COLLECTOR_SCANNED_VALUE])
        return kinds_mark(base);
    GC_set_mark_bit(base);
    return (struct collector_range){base, is_plain ? 0 : size};
}

struct collector_range collector_mark_anew(const void *base)
{
    GC_clear_mark_bit(base);
    return mark(base);
}

void *collector_mark_word(uintptr_t word, struct collector_range *contents)
{
    if (word < (uintptr_t)GC_least_plausible_heap_addr || word > (uintptr_t)GC_greatest_plausible_heap_addr)
        return NULL;
    void *base = GC_base((void *)word);
    if (base == NULL || GC_is_marked(base))
        return NULL;
    *contents = mark(base);
    return base;
}

struct collector_range *collector_search_special(struct collector_range range, struct collector_range *top,
                                                 struct collector_range *limit)
{
    return kinds_search(range, top, limit);
}

static void GC_CALLBACK visit_marked(void *base, size_t size, void *data)
{
    void (*visit)(const void *) = *(void (**)(const void *))data;
    (void)size;
    if (collector_scan_size(base) > 0)
        visit(base);
}

void collector_each_marked(void (*visit)(const void *base))
{
    GC_enumerate_reachable_objects_inner(visit_marked, &visit);
}

size_t collector_find_unmarked(atomic_word *words, size_t count, uint16_t *indices)
{
    /* In a register, instead of one indirection more for each word. */
    int (*is_marked)(const void *) = GC_is_marked;
    __asm__("" : "+r"(is_marked));
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        indices[found] = (uint16_t)i;
        uintptr_t word = load_relaxed(&words[i]);
        if (likely(word >= COLLECTOR_GRANULE))
            found += is_marked((const void *)word) == 0;
    }
    return found;
}

bool collector_survived(const void *base)
{
    /* The sweep may already have freed the whole block. */
    return collector_lives(base);
}
