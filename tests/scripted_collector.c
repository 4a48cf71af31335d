/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "scripted_collector.h"
#include "scripted_heap.h"

#include "collector/collector.h"
#include "base/sync.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct script script;
static struct collector_hooks hooks;
static atomic_count collections, deaths;
static unsigned allocations;

/* ---- Marking ---- */

/* Objects that are marked and not searched yet. */
static struct pending {
    const void *base;
    size_t size;
} *pending;
static size_t pending_count, pending_room;

static void push(const void *base, size_t size)
{
    if (pending_count == pending_room) {
        pending_room = pending_room == 0 ? 1024 : 2 * pending_room;
        pending = realloc(pending, pending_room * sizeof *pending);
        if (pending == NULL)
            heap_give_up("no memory");
    }
    pending[pending_count++] = (struct pending){base, size};
}

static void *mark_address(uintptr_t address, size_t *scan)
{
    unsigned index;
    struct segment *segment = heap_find(address, &index);
    if (segment == NULL || segment->marks[index])
        return NULL;
    segment->marks[index] = 1;
    *scan = is_plain(segment->kind) ? 0 : segment->stride;
    return heap_object(segment, index);
}

/* Stacks hold what no sanitizer likes to see read. */
__attribute__((no_sanitize_address, no_sanitize_thread)) static void scan(const void *low, const void *high)
{
    const uintptr_t *word = (const uintptr_t *)(((uintptr_t)low + sizeof *word - 1) & -sizeof *word);
    for (; word + 1 <= (const uintptr_t *)high; word++) {
        size_t size;
        void *base = mark_address(*word, &size);
        if (base != NULL && size > 0)
            push(base, size);
    }
}

static void drain(void)
{
    while (pending_count > 0) {
        struct pending next = pending[--pending_count];
        scan(next.base, (const char *)next.base + next.size);
    }
}

/* A call of its own, so that its registers are gone when stacks are searched. */
static __attribute__((noinline)) void mark_roots_alone(void)
{
    FOR_EACH_OBJECT(segment, index, LIVE)
    {
        segment->marks[index] = segment->kind == ROOT;
        if (segment->kind == ROOT)
            push(heap_object(segment, index), segment->stride);
    }
}

static void mark_from_roots(void)
{
    mark_roots_alone();
    hooks.push_roots(false);  /* no malloc memory: this heap is in it */
    world_each_stack(scan);
    drain();
}

bool script_is_doomed(const void *base)
{
    unsigned index;
    struct segment *segment = heap_find((uintptr_t)base, &index);
    return segment != NULL && !segment->marks[index];
}

void script_bring_back(const void *base)
{
    hooks.brought_back(base);
    /* What the library has marked on its behalf is marked and searched already; this object need not be. */
    size_t size = collector_scan_size(base);
    collector_mark(base);
    push(base, size);
    drain();
}

bool script_is_object(const void *base)
{
    return base != NULL && collector_base(base) == base;
}

uint64_t script_collections(void)
{
    return load_relaxed(&collections);
}

uint64_t script_deaths(void)
{
    return load_relaxed(&deaths);
}

/* ---- Collections ---- */

static void sweep(void)
{
    FOR_EACH_OBJECT(segment, index, LIVE)
    if (!segment->marks[index]) {
        heap_kill(segment, index);
        add_relaxed(&deaths, 1u);
    }
}

static void release_the_dead(void)
{
    if (script.quarantine)
        return;
    FOR_EACH_OBJECT(segment, index, DYING)
    store_relaxed(&segment->states[index], FREE);
    for (struct segment *segment = heap_segments; segment < heap_segments + heap_segments_used; segment++)
        while (segment->used > 0 && load_relaxed(&segment->states[segment->used - 1]) == FREE)
            segment->used--;
    heap_start_over();
}

/* The lock is held. */
static void collect(void)
{
    allocations = 0;
    world_stop();
    mark_from_roots();
    hooks.mark_end();
    world_start();
    world_pause();
    hooks.decide();
    world_pause();
    if (script.between != NULL)
        script.between();
    sweep();
    world_pause();
    hooks.reclaim_end();
    release_the_dead();
    add_relaxed(&collections, 1u);
}

int collector_start(const struct collector_hooks *our_hooks)
{
    hooks = *our_hooks;
    return 0;
}

void collector_watch(void)
{
}

void collector_collect(void)
{
    world_lock();
    collect();
    world_unlock();
}

void collector_collect_early(void)
{
    collector_collect();
}

bool collector_is_stopped(uint64_t blocked)
{
    (void)blocked;
    return true;
}

void collector_collect_or_step(void)
{
    collector_collect();
}

void collector_wait(void)
{
    world_lock();
    world_unlock();
}

void collector_exclude(void (*function)(void *), void *argument)
{
    world_lock();
    function(argument);
    world_unlock();
}

void collector_check(void)
{
}

bool collector_is_initialized(void)
{
    return true;
}

bool collector_is_ours(void)
{
    return true;
}

void collector_fork_prepare(void)
{
}

void collector_fork_parent(void)
{
}

void collector_fork_child(void)
{
}

void collector_set_first_base(uintptr_t base)
{
    (void)base;
}

int collector_register_thread(void)
{
    return world_register();
}

void *collector_stack(uintptr_t *base)
{
    *base = 0;
    return NULL;
}

void collector_set_stack_base(void *handle, uintptr_t base)
{
    (void)handle, (void)base;
}

void collector_unregister_thread(void)
{
    world_unregister();
}

void collector_let_through(sigset_t *blocked)
{
    (void)blocked;
}

/* ---- Allocation ---- */

static void *allocate(size_t size, enum kind kind)
{
    if (size > (size_t)SEGMENTS << (SEGMENT_LOG - 1))
        return NULL;
    world_lock();
    if (script.collect_every != 0 && ++allocations >= script.collect_every)
        collect();
    void *object = heap_take(size > 0 ? size : 1, kind);
    world_unlock();
    return object;
}

void *collector_alloc_scanned(size_t size)
{
    return allocate(size, SCANNED);
}

void *collector_alloc_plain(size_t size)
{
    return allocate(size, PLAIN);
}

void *collector_alloc_root(size_t size)
{
    return allocate(size, ROOT);
}

void collector_free_root(void *block)
{
    unsigned index;
    if (block == NULL)
        return;
    world_lock();
    struct segment *segment = heap_find((uintptr_t)block, &index);
    if (segment == NULL || segment->kind != ROOT || heap_object(segment, index) != block)
        heap_give_up("no root memory is freed");
    heap_kill(segment, index);
    world_unlock();
}

void *collector_alloc_one(enum collector_kind kind, size_t size)
{
    return allocate(size, (enum kind)kind);
}

void collector_alloc_run(enum collector_kind kind, size_t size, void **run)
{
    world_lock();
    if (script.collect_every != 0 && ++allocations >= script.collect_every)
        collect();
    for (unsigned i = script.run_length != 0 ? script.run_length : 8; i > 0; i--) {
        void *object = heap_take(size, (enum kind)kind);
        *(void **)object = *run;
        *run = object;
    }
    world_unlock();
}

void collector_wrote(const void *object)
{
    (void)object;
}

void collector_recognize_offset(size_t offset)
{
    (void)offset;
}

/* ---- Questions ---- */

void *collector_base(const void *pointer)
{
    unsigned index;
    struct segment *segment = heap_find((uintptr_t)pointer, &index);
    return segment != NULL ? heap_object(segment, index) : NULL;
}

static struct segment *the_segment(const void *base, unsigned *index)
{
    struct segment *segment = heap_find((uintptr_t)base, index);
    if (segment == NULL || heap_object(segment, *index) != base)
        heap_give_up("asked about what is no object");
    return segment;
}

size_t collector_size(const void *base)
{
    unsigned index;
    return the_segment(base, &index)->stride;
}

bool collector_is_value(const void *base)
{
    unsigned index;
    enum kind kind = the_segment(base, &index)->kind;
    return kind == VALUE || kind == SCANNED_VALUE;
}

size_t collector_scan_size(const void *base)
{
    unsigned index;
    struct segment *segment = the_segment(base, &index);
    return is_plain(segment->kind) ? 0 : segment->stride;
}

bool collector_inner_pointers_count(void)
{
    return true;
}

void *collector_first_byte(void *base)
{
    return base;
}

bool collector_is_marked(const void *base)
{
    unsigned index;
    return load_relaxed(&the_segment(base, &index)->marks[index]);
}

bool collector_is_object(const void *base)
{
    unsigned index;
    struct segment *segment = heap_find((uintptr_t)base, &index);
    return segment != NULL && heap_object(segment, index) == base;
}

bool collector_lives(const void *base)
{
    return collector_is_object(base) && collector_is_marked(base);
}

void collector_mark(const void *base)
{
    unsigned index;
    store_relaxed(&the_segment(base, &index)->marks[index], 1);
}

void collector_unmark(const void *base)
{
    unsigned index;
    the_segment(base, &index)->marks[index] = 0;
}

void *collector_mark_word(uintptr_t word, struct collector_range *contents)
{
    contents->start = mark_address(word, &contents->how);
    return (void *)(uintptr_t)contents->start;
}

struct collector_range collector_mark_anew(const void *base)
{
    collector_mark(base);
    return (struct collector_range){base, collector_scan_size(base)};
}

struct collector_range *collector_search_special(struct collector_range range, struct collector_range *top,
                                                 struct collector_range *limit)
{
    (void)range, (void)top, (void)limit;
    heap_give_up("no object is special here");
}

void collector_each_marked(void (*visit)(const void *base))
{
    FOR_EACH_OBJECT(segment, index, LIVE)
    if (segment->marks[index] && !is_plain(segment->kind))
        visit(heap_object(segment, index));
}

size_t collector_find_unmarked(atomic_word *words, size_t count, uint16_t *indices)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        if (load_relaxed(&words[i]) >= COLLECTOR_GRANULE && !collector_is_marked((const void *)load_relaxed(&words[i])))
            indices[found++] = (uint16_t)i;
    return found;
}

bool collector_survived(const void *base)
{
    return collector_lives(base);
}

void collector_push_range(const void *start, const void *end)
{
    scan(start, end);
}

uint64_t collector_allocated(void)
{
    return 0;
}

size_t collector_least_allocated(void)
{
    return 1;
}

void collector_set_least_allocated(size_t bytes)
{
    (void)bytes;
}

void collector_heap_range(uintptr_t *low, uintptr_t *high)
{
    *low = *high = 0;
}

bool collector_is_heap(const void *address)
{
    return collector_base(address) != NULL;
}

size_t collector_free_size(const void *page)
{
    (void)page;
    return 0;
}

void collector_heap(uint64_t *heap_bytes, uint64_t *free_bytes)
{
    *heap_bytes = (uint64_t)heap_segments_used << SEGMENT_LOG;
    *free_bytes = 0;
}

void collector_heap_inside(uint64_t *heap_bytes, uint64_t *free_bytes)
{
    collector_heap(heap_bytes, free_bytes);
}
