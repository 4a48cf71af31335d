/* The collector layer on bdwgc. */
#include "config.h"

#include "collector.h"

#include "sync.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef GC_THREADS
#define GC_THREADS 1
#endif
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_inline.h>
#include <gc/gc_mark.h>

static_assert(COLLECTOR_GRANULE == GC_GRANULE_BYTES, "the collector's granule");

static struct collector_hooks hooks;
static GC_on_collection_event_proc previous_event;
static GC_push_other_roots_proc previous_push;
static GC_await_finalize_proc previous_await;

/* The collector's own number of the last collection that our hooks saw. Written inside collections only, with the
 * allocator lock held; read by collector_check without it: a stale value only makes the check look again. */
static _Atomic GC_word seen_collection;

/* The thread that ran GC_INIT on our behalf. bdwgc takes it for the main one and makes it known by itself. */
static pthread_t starter;
static bool started_here;

static void on_event(GC_EventType event)
{
    if (event == GC_EVENT_MARK_END) {
        store_relaxed(&seen_collection, GC_get_gc_no());
        hooks.mark_end();
    } else if (event == GC_EVENT_RECLAIM_END) {
        hooks.reclaim_end();
    }
    if (previous_event != NULL)
        previous_event(event);
}

static void GC_CALLBACK await_finalizer(void *object)
{
    if (previous_await != NULL)
        previous_await(object);
    hooks.brought_back(object);
}

static void GC_CALLBACK push_other_roots(void)
{
    if (previous_push != NULL)
        previous_push();
    hooks.push_roots();
}

/* Puts our callbacks in front of those that are there. */
static void hang_in(void)
{
    GC_on_collection_event_proc event = GC_get_on_collection_event();
    if (event != on_event) {
        previous_event = event;
        GC_set_on_collection_event(on_event);
    }
    GC_push_other_roots_proc push = GC_get_push_other_roots();
    if (push != push_other_roots) {
        previous_push = push;
        GC_set_push_other_roots(push_other_roots);
    }
    GC_await_finalize_proc await = GC_get_await_finalize_proc();
    if (await != await_finalizer) {
        previous_await = await;
        GC_set_await_finalize_proc(await_finalizer);
    }
}

int collector_start(const struct collector_hooks *our_hooks)
{
    hooks = *our_hooks;
    if (!GC_is_init_called()) {
        GC_INIT();
        starter = pthread_self();
        started_here = true;
    }
    GC_allow_register_threads();
    store_relaxed(&seen_collection, GC_get_gc_no());
    hang_in();
    return 0;
}

int collector_register_thread(void)
{
    if (GC_thread_is_registered()) {
        /* The one that ran GC_INIT for us would, when it ends without a word, make the next collection abort; the
         * process's main thread ends with the process. */
        return started_here && pthread_equal(starter, pthread_self()) && gettid() != getpid();
    }
    struct GC_stack_base base;
    if (GC_get_stack_base(&base) != GC_SUCCESS || GC_register_my_thread(&base) != GC_SUCCESS) {
        errno = ENOTSUP;
        return -1;
    }
    return 1;
}

void collector_unregister_thread(void)
{
    GC_unregister_my_thread();
}

void *collector_alloc_scanned(size_t size)
{
    return GC_MALLOC(size);
}

void *collector_alloc_plain(size_t size)
{
    return GC_MALLOC_ATOMIC(size);
}

void *collector_alloc_root(size_t size)
{
    return GC_MALLOC_UNCOLLECTABLE(size);
}

void collector_free_root(void *block)
{
    GC_FREE(block);
}

enum { KIND_PLAIN = 0 };

void collector_alloc_run(size_t size, void **run)
{
    /* bdwgc stores the list before another collection can begin. */
    GC_generic_malloc_many(size, KIND_PLAIN, run);
}

size_t collector_run_limit(void)
{
    return 2048;
}

void collector_wrote(const void *object)
{
    GC_END_STUBBORN_CHANGE(object);
}

void collector_recognize_offset(size_t offset)
{
    GC_register_displacement(offset);
}

void *collector_base(const void *pointer)
{
    /* GC_base reads only the block's header. */
    return GC_base((void *)(uintptr_t)pointer);
}

size_t collector_size(const void *base)
{
    return GC_size(base);
}

bool collector_is_static(const void *pointer)
{
    Dl_info info;
    return dladdr(pointer, &info) != 0;
}

bool collector_is_marked(const void *base)
{
    return GC_is_marked(base) != 0;
}

void collector_mark(const void *base)
{
    GC_set_mark_bit(base);
}

void collector_unmark(const void *base)
{
    GC_clear_mark_bit(base);
}

/* Objects of every kind but the plain one are searched from end to end: that marks at least what the collector would,
 * whatever it knows of their layout. */
size_t collector_scan_size(const void *base)
{
    size_t size;
    return GC_get_kind_and_size(base, &size) == KIND_PLAIN ? 0 : size;
}

void *collector_mark_word(uintptr_t word, size_t *scan)
{
    if (word < (uintptr_t)GC_least_plausible_heap_addr || word > (uintptr_t)GC_greatest_plausible_heap_addr)
        return NULL;
    void *base = GC_base((void *)word);
    if (base == NULL || GC_is_marked(base))
        return NULL;
    GC_set_mark_bit(base);
    *scan = collector_scan_size(base);
    return base;
}

static void GC_CALLBACK visit_marked(void *base, size_t size, void *data)
{
    void (*visit)(const void *, size_t) = *(void (**)(const void *, size_t))data;
    (void)size;
    size_t scan = collector_scan_size(base);
    if (scan > 0)
        visit(base, scan);
}

void collector_each_marked(void (*visit)(const void *base, size_t scan))
{
    GC_enumerate_reachable_objects_inner(visit_marked, &visit);
}

size_t collector_find_unmarked(const uintptr_t *words, size_t count, uint16_t *indices)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        indices[found] = (uint16_t)i;
        if (words[i] >= COLLECTOR_GRANULE)
            found += GC_is_marked((const void *)words[i]) == 0;
    }
    return found;
}

bool collector_survived(const void *base)
{
    /* The sweep may already have freed the whole block; GC_base notices, GC_is_marked would not. */
    return GC_base((void *)(uintptr_t)base) == base && GC_is_marked(base) != 0;
}

void collector_push_range(const void *start, const void *end)
{
    /* Eagerly: each range pushed as it is would take a place on a mark stack that may not overflow here. */
    GC_push_all_eager((void *)(uintptr_t)start, (void *)(uintptr_t)end);
}

static void *GC_CALLBACK nothing(void *unused)
{
    return unused;
}

void collector_wait(void)
{
    GC_call_with_alloc_lock(nothing, NULL);
}

struct exclusion {
    void (*function)(void *);
    void *argument;
};

static void *GC_CALLBACK run_excluded(void *data)
{
    struct exclusion *exclusion = data;
    exclusion->function(exclusion->argument);
    return NULL;
}

void collector_exclude(void (*function)(void *), void *argument)
{
    struct exclusion exclusion = {function, argument};
    GC_call_with_alloc_lock(run_excluded, &exclusion);
}

void collector_collect(void)
{
    GC_gcollect();
}

void collector_check(void)
{
    if (GC_get_on_collection_event() == on_event && GC_get_push_other_roots() == push_other_roots)
        return;
    /* Somebody came in front of us. Where they call us in turn, the collections since have been seen. */
    GC_word before = load_relaxed(&seen_collection);
    if (GC_get_gc_no() != before && load_relaxed(&seen_collection) == before) {
        fputs("hapax: a collection passed unseen: another part of this program has replaced the collector's event "
              "callback (GC_set_on_collection_event) without calling the previous one; weak pointers and handles "
              "can no longer be trusted\n",
              stderr);
        abort();
    }
}

void collector_heap(uint64_t *heap_bytes, uint64_t *free_bytes)
{
    GC_word heap, free_part, unmapped;
    GC_get_heap_usage_safe(&heap, &free_part, &unmapped, NULL, NULL);
    *heap_bytes = heap;
    *free_bytes = free_part;
}

void collector_heap_inside(uint64_t *heap_bytes, uint64_t *free_bytes)
{
    struct GC_prof_stats_s stats = {0};
    GC_get_prof_stats_unsafe(&stats, sizeof stats);
    *heap_bytes = stats.heapsize_full;
    *free_bytes = stats.free_bytes_full;
}

void collector_unblockable_signals(int signals[2])
{
    signals[0] = GC_get_suspend_signal();
    signals[1] = GC_get_thr_restart_signal();
}
