/* SPDX-License-Identifier: MIT */
/* The collector layer on bdwgc. */
#include "config.h"

#include "collector/collector.h"

#include "base/address.h"
#include "base/environment.h"
#include "base/probes.h"
#include "base/refuse.h"
#include "base/sync.h"
#include "collector/kinds.h"
#include "collector/late.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef GC_THREADS
#define GC_THREADS 1
#endif
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_inline.h>
#include <gc/gc_mark.h>

static_assert(COLLECTOR_GRANULE == GC_GRANULE_BYTES, "the collector's granule");
static_assert(COLLECTOR_SCANNED_VALUE + 1 == KINDS_OURS, "each of our kinds has a number");

static struct collector_hooks hooks;
static GC_on_collection_event_proc previous_event;
static GC_push_other_roots_proc previous_push;
static GC_await_finalize_proc previous_await;

/* The collector's own number of the last collection that our hooks saw. Written inside collections only, with the
 * allocator lock held; read by collector_check without it: a stale value only makes the check look again. */
static _Atomic GC_word seen_collection;

/* All our callbacks hang in the collector. While they come, one after the other, collections may run beside: those that
 * began before are none of ours, and there is nothing yet that they could harm. */
static atomic_bool hung_in;

/* What the collection that runs has told us; with the allocator lock held. */
static bool watched;        /* it began with all our callbacks in place */
static bool marking;        /* the world is stopped, and marking has begun */
static bool roots_pushed;

/* Nobody had started the collector before us. */
static atomic_bool is_ours;

/* What has to be added to a size, so that a pointer one past the end leads to no neighbour. */
static size_t end_byte;

/* Where this thread's stack ends as long as the collector knows no better; NULL: where the system says. */
static _Thread_local struct GC_stack_base first_base;

/* This thread ran GC_INIT on our behalf. bdwgc takes it for the main one and makes it known by itself. */
static _Thread_local bool is_starter;

/* May be called with the world stopped. */
static _Noreturn void cut_off(const char *what)
{
    const char *parts[] = {
        "hapax: the library has missed a collection: another part of this program has replaced the collector's ", what,
        " and does not call the previous one; weak pointers and handles are no longer valid\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0)
            break;
    abort();
}

static const char event_callback[] = "event callback (GC_set_on_collection_event)";
static const char roots_callback[] = "callback for further roots (GC_set_push_other_roots)";

static void on_event(GC_EventType event)
{
    switch (event) {
    case GC_EVENT_PRE_STOP_WORLD:
        probe_collection_begin(GC_get_gc_no());
        if (load_acquire(&hung_in)) /* acquire: pairs with hang_in */
            hooks.before_stop();
        break;
    case GC_EVENT_MARK_START:
        /* Acquire: pairs with hang_in. */
        watched = load_acquire(&hung_in);
        marking = true;
        roots_pushed = false;
        break;
    case GC_EVENT_MARK_END:
        store_relaxed(&seen_collection, GC_get_gc_no());
        if (!watched)
            break;
        if (!roots_pushed)
            cut_off(roots_callback);
        hooks.mark_end();
        break;
    case GC_EVENT_PRE_START_WORLD:
        marking = false;
        late_forget_roots();
        break;
    case GC_EVENT_RECLAIM_START:
        /* Before GC_finalize marks what it keeps, and before anything is swept. */
        if (watched)
            hooks.decide();
        late_finalization_begins();
        break;
    case GC_EVENT_RECLAIM_END:
        late_finalization_ends();
        if (watched)
            hooks.reclaim_end();
        probe_collection_end(GC_get_gc_no());
        break;
    default:
        break;
    }
    if (previous_event != NULL)
        previous_event(event);
}

static void GC_CALLBACK await_finalizer(void *object)
{
    if (previous_await != NULL)
        previous_await(object);
    if (watched)
        hooks.brought_back(object);
}

static void GC_CALLBACK push_other_roots(void)
{
    bool ready = load_acquire(&hung_in); /* acquire: pairs with hang_in */
    if (ready)
        hooks.before_stacks(marking);
    if (previous_push != NULL)
        previous_push();
    if (!ready)
        return;
    hooks.after_stacks();
    /* Marking has begun: without the event that says so, this collection would end unseen as well. An incremental one
     * comes by here several times; there the number tells, a collection later. */
    if (GC_is_incremental_mode() ? GC_get_gc_no() != load_relaxed(&seen_collection) : !marking)
        cut_off(event_callback);
    late_push_roots();
    hooks.push_roots(marking && !roots_pushed);
    roots_pushed = true;
}

static void note_collection(void *unused)
{
    (void)unused;
    store_relaxed(&seen_collection, GC_get_gc_no());
}

/* Puts our callbacks in front of those that are there, once: others may have come in front of ours since. Each of the
 * collector's functions here excludes collections by itself; where a fork has cut this short, the child goes on. */
static void hang_in(void)
{
    if (load_relaxed(&hung_in))
        return;
    GC_on_collection_event_proc event = GC_get_on_collection_event();
    if (event != on_event) {
        previous_event = event;
        GC_set_on_collection_event(on_event);
    }
    /* From here on each collection is noted when it ends: this makes up for those before. */
    collector_exclude(note_collection, NULL);
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
    store_release(&hung_in, true);   /* release: what is here is seen by collections that are watched */
}

void collector_watch(void)
{
    late_watch(hooks.kept);
}

static bool heap_fits(void)
{
    if (likely(address_fits(GC_greatest_plausible_heap_addr)))
        return true;
    address_refuse(GC_greatest_plausible_heap_addr);
    return false;
}

int collector_start(const struct collector_hooks *our_hooks)
{
    hooks = *our_hooks;
    if (!GC_is_init_called()) {
        /* bdwgc reads its variables with getenv; GC_LOG_FILE names a file that it writes. */
        if (environment_secure_execution())
            environment_forget("GC_");
        /* A fork that comes beside this waits for it, and then calls the collector's own part by our hands. */
        store_release(&is_ours, true);
        GC_set_handle_fork(0);
        /* bdwgc begins with a collection. */
        if (first_base.mem_base != NULL)
            GC_set_stackbottom(NULL, &first_base);
        GC_INIT();
        is_starter = true;
    } else if (!load_relaxed(&is_ours) && !GC_thread_is_registered()) {
        /* The collector works without locks until it is told that there are threads. Another thread may be allocating
         * right now, and there is no way to ask. */
        return refuse(ENOTSUP, "hapax_init", "the program has started the collector itself, and this thread is not "
                                             "registered with it: call hapax_init right after GC_INIT");
    }
    if (!heap_fits()) {
        errno = ENOTSUP;
        return -1;
    }
    GC_allow_register_threads();
    /* Where all interior pointers count, the collector adds the byte itself. */
    end_byte = GC_get_all_interior_pointers() ? 0 : 1;
    kinds_start();
    hang_in();
    return 0;
}

bool collector_is_initialized(void)
{
    return GC_is_init_called() != 0;
}

bool collector_is_ours(void)
{
    return load_acquire(&is_ours); /* acquire: of what collector_start did before, the part around a fork is seen */
}

void collector_fork_prepare(void)
{
    if (load_relaxed(&is_ours))
        GC_atfork_prepare();
}

void collector_fork_parent(void)
{
    if (load_relaxed(&is_ours))
        GC_atfork_parent();
}

void collector_fork_child(void)
{
    if (load_relaxed(&is_ours))
        GC_atfork_child();
}

void collector_let_through(sigset_t *blocked)
{
    sigdelset(blocked, GC_get_suspend_signal());
    sigdelset(blocked, GC_get_thr_restart_signal());
    /* Raised by a write into a page that an incremental collector watches. */
    sigdelset(blocked, SIGSEGV);
    sigdelset(blocked, SIGBUS);
}

bool collector_is_stopped(uint64_t blocked)
{
    /* bdwgc's handler of the one waits for the other. */
    return (blocked >> (GC_get_suspend_signal() - 1) & 1) != 0 &&
           (blocked >> (GC_get_thr_restart_signal() - 1) & 1) == 0;
}

/* A thread may block all signals; one that does not answer the collector's would never stop for it. */
static void let_signals_through(void)
{
    sigset_t blocked;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    collector_let_through(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
}

void collector_set_first_base(uintptr_t base)
{
    first_base = (struct GC_stack_base){.mem_base = (void *)base};
}

int collector_register_thread(void)
{
    static _Thread_local struct GC_stack_base base;
    if (base.mem_base == NULL) {
        /* The C library reads /proc/self/maps, and the collector does not pass on why that fails. */
        int before = errno;
        errno = 0;
        if (GC_get_stack_base(&base) != GC_SUCCESS) {
            errno = errno == EMFILE || errno == ENFILE ? errno : ENOTSUP;
            return -1;
        }
        errno = before;
    }
    /* Asked in no other way: the collector may still list a thread whose end it has seen. */
    bool is_new = GC_register_my_thread(first_base.mem_base != NULL ? &first_base : &base) == GC_SUCCESS;
    static _Thread_local bool were_let_through;
    if (is_new || !were_let_through)
        let_signals_through();
    were_let_through = true;
    /* The one that ran GC_INIT for us would, when it ends without a word, make the next collection abort. */
    return is_new || is_starter;
}

void *collector_stack(uintptr_t *base)
{
    struct GC_stack_base bottom;
    void *handle = GC_get_my_stackbottom(&bottom);
    *base = (uintptr_t)bottom.mem_base;
    return handle;
}

void collector_set_stack_base(void *handle, uintptr_t base)
{
    struct GC_stack_base bottom = {.mem_base = (void *)base};
    GC_set_stackbottom(handle, &bottom);
}

void collector_unregister_thread(void)
{
    /* A cancelled thread ends with all signals blocked: it would wait for a collection that waits for it. */
    let_signals_through();
    is_starter = false;
    GC_unregister_my_thread();
}

/* In the hard build collections come all the time, above all while little is allocated yet: between any two of the
 * first allocations, then a little less often each time, so that tests with many objects come to an end. */
static void collect_often(void)
{
#ifdef HAPAX_HARD_TESTS
    static atomic_count allocated, collections;
    uint64_t number = add_relaxed(&allocated, 1u);
    if (number % (1 + load_relaxed(&collections) / 16) == 0) {
        add_relaxed(&collections, 1u);
        GC_gcollect();
    }
#endif
}

/* Allocations and collections of bdwgc run foreign finalizers, which may leave anything in errno, and so may the system
 * calls of both. This is where it is put back, for all that the library does with the collector. */
static void *taken(int before, void *object)
{
    errno = before;
    return heap_fits() ? object : NULL;
}

void *collector_alloc_scanned(size_t size)
{
    int before = errno;
    collect_often();
    return taken(before, size <= SIZE_MAX - end_byte ? GC_MALLOC(size + end_byte) : NULL);
}

void *collector_alloc_plain(size_t size)
{
    int before = errno;
    collect_often();
    return taken(before, GC_MALLOC_ATOMIC(size));
}

void *collector_alloc_root(size_t size)
{
    int before = errno;
    collect_often();
    return taken(before, GC_MALLOC_UNCOLLECTABLE(size));
}

void collector_free_root(void *block)
{
    GC_FREE(block);
}

/* bdwgc uses the memory of a kind's dead objects again only once one was allocated by itself. */
static void open_kind(enum collector_kind kind)
{
    static atomic_bool open[KINDS_OURS];
    if (likely(load_relaxed(&open[kind])))
        return;
    if (GC_generic_malloc(1, kinds_ours[kind]) != NULL)
        store_relaxed(&open[kind], true);
}

void *collector_alloc_one(enum collector_kind kind, size_t size)
{
    int before = errno;
    collect_often();
    return taken(before, GC_generic_malloc(size, kinds_ours[kind]));
}

void collector_alloc_run(enum collector_kind kind, size_t size, void **run)
{
    int before = errno;
    collect_often();
    open_kind(kind);
    /* bdwgc stores the list before another collection can begin. */
    GC_generic_malloc_many(size, kinds_ours[kind], run);
    *run = taken(before, *run);
}

void collector_wrote(const void *object)
{
    GC_END_STUBBORN_CHANGE(object);
}

void collector_recognize_offset(size_t offset)
{
    GC_register_displacement(offset);
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
    int before = errno;
    GC_gcollect();
    /* The allocation lock goes to the thread that asks first. On one processor a thread that collects again and again
     * would ask first for as long as a slice of its time lasts, every time. */
    sched_yield();
    errno = before;
}

void collector_collect_early(void)
{
    if (!GC_is_incremental_mode())
        collector_collect();
}

/* Most collections in steps find only what has died young. This one is to find all. */
static void start_full_steps(void)
{
    int partial_ones = GC_get_full_freq();
    GC_set_full_freq(0);
    GC_start_incremental_collection();
    GC_set_full_freq(partial_ones);
}

void collector_collect_or_step(void)
{
    if (!GC_is_incremental_mode()) {
        collector_collect();
        return;
    }
    int before = errno;
    GC_word last = load_relaxed(&seen_collection);
    if (!GC_collect_a_little() && load_relaxed(&seen_collection) == last)
        start_full_steps();
    errno = before;
}

void collector_check(void)
{
    GC_word before = load_relaxed(&seen_collection);
    /* Where the two differ, one may have ended between the loads. */
    if (GC_get_gc_no() != before && load_relaxed(&seen_collection) == before)
        cut_off(event_callback);
}

