/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax.h>

#include "library/library.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/module.h"
#include "base/sync.h"
#include "cleanup/cleanup.h"
#include "cleanup/ephemeron.h"
#include "cleanup/executor.h"
#include "cleanup/finalizer.h"
#include "cleanup/records.h"
#include "collector/collector.h"
#include "collector/epoch.h"
#include "collector/mark.h"
#include "collector/reach.h"
#include "debug/argument_proxy.h"
#include "debug/lost.h"
#include "debug/often.h"
#include "debug/report.h"
#include "debug/source_place.h"
#include "debug/stale.h"
#include "debug/table_watch.h"
#include "debug/unknown_threads.h"
#include "debug/words.h"
#include "runtime/background.h"
#include "runtime/external.h"
#include "runtime/malloc_memory.h"
#include "runtime/malloc_search.h"
#include "runtime/roots.h"
#include "runtime/stacks.h"
#include "runtime/start.h"
#include "runtime/thread.h"
#include "systems/single_flight.h"
#include "systems/weak_map.h"
#include "systems/worker.h"
#include "trie/trie.h"
#include "values/canonical.h"
#include "weak/churn.h"
#include "weak/registry.h"

#include <errno.h>
#include <pthread.h>

/* Written inside collections, one at a time; read by any thread. */
static atomic_count collections, collector_ns, last_pause_ns;
static uint64_t decide_ns;     /* of the collection that runs */

/* ---- A collection ---- */

static void before_stop(void)
{
    malloc_search_before_stop();
    lost_before_stop();
}

static void push_roots(bool first_of_stop)
{
    churn_mark_begin();
    roots_push();
    if (first_of_stop)
        malloc_search_push();
}

static void mark_end(void)
{
    uint64_t begin = monotonic_ns();
    churn_mark_end();
    thread_mark_runs();
    /* What else lives: what weak maps and finalizers keep. The weak words are decided when the world runs. */
    if (ephemeron_mark_begin(weak_map_waiters() + argument_proxy_waiters()))
        weak_map_mark_end();
    argument_proxy_mark_end();
    finalizer_mark_end();
    lost_mark_end();
    unknown_threads_mark_end();
    epoch_begin();
    uint64_t spent = monotonic_ns() - begin;
    store_relaxed(&last_pause_ns, spent);
    add_relaxed(&collector_ns, spent);
}

/* First the weak words, for which an object that waits for its finalizer is dead; then the cleanups, for which it is
 * not. Marks that would make a dead object look alive are only set when no thread looks at marks any more. */
static void decide(void)
{
    uint64_t begin = monotonic_ns();
    registry_decide();
    epoch_end();
    finalizer_mark_condemned();
    cleanup_decide();
    stale_decided();
    decide_ns = monotonic_ns() - begin;
    add_relaxed(&collector_ns, decide_ns);
}

/* Too much is reached to remember it. */
static bool lost_track;

static bool is_reached(const void *base)
{
    ephemeron_notice(base);
    finalizer_reached(base);
    return true;
}

static void value_is_reached(void *value)
{
    const void *base = collector_base(value);
    if (base != NULL && !lost_track)
        lost_track = !reach_add(base, is_reached);
}

/* An object lives on, and what waits for it is woken. Goes on from object to object, and from keys to values: the
 * collector itself cannot tell what was condemned, since that is marked, nor what waits for what it has marked. */
static void follow(const void *object, void (*wake)(const void *object))
{
    lost_track = false;
    ephemeron_listen(value_is_reached);
    wake(object);
    lost_track = lost_track || !reach_search(object, is_reached);
    ephemeron_drain();
    while (!lost_track && reach_left()) {
        lost_track = !reach_go_on(is_reached);
        ephemeron_drain();
    }
    ephemeron_catch_up();
    ephemeron_listen(NULL);
    if (lost_track) {
        ephemeron_wake_marked();
        finalizer_unsure();
    }
}

static void brought_back(const void *object)
{
    if (finalizer_doubts())
        follow(object, ephemeron_brought_back);
    else
        ephemeron_brought_back(object);
    stale_brought_back();
}

static void kept(const void *object)
{
    if (ephemeron_waits() || finalizer_doubts())
        follow(object, ephemeron_wake);
    stale_brought_back();
}

static void report_collection(uint64_t reclaim_ns)
{
    struct cleanup_counts cleanups;
    struct finalizer_counts finalizers;
    cleanup_counts(&cleanups);
    finalizer_counts(&finalizers);
    uint64_t pause_ns = load_relaxed(&last_pause_ns);
    struct collection_report report = {
        .number = load_relaxed(&collections),
        .pause_ns = pause_ns,
        .library_ns = pause_ns + decide_ns + reclaim_ns,
        .cleanups_pending = cleanups.pending,
        .cleanups_queued = cleanups.queued,
        .cleanups_run = cleanups.run,
        .finalizers_queued = finalizers.queued,
        .finalizers_run = finalizers.run,
    };
    collector_heap_inside(&report.heap_bytes, &report.free_bytes);
    debug_report_collected(&report);
}

static void reclaim_end(void)
{
    uint64_t begin = monotonic_ns();
    roots_reclaim_end();
    stale_reclaim_begin();
    finalizer_settle();
    uint64_t evicted = registry_reclaim_end();
    cleanup_reclaim_end();
    finalizer_reclaim_end();
    ephemeron_reclaim_end();
    argument_proxy_reclaim_end();
    mark_finish();
    executor_wake();
    churn_reclaim_end(evicted);
    external_reclaim_end();
    stale_reclaim_end();
    uint64_t spent = monotonic_ns() - begin;
    add_relaxed(&collections, 1u);
    add_relaxed(&collector_ns, spent);
    if (unlikely(debug_report_of_collections))
        report_collection(spent);
    debug_report_wake();
}

void library_times(struct library_times *times)
{
    times->collections = load_relaxed(&collections);
    times->collector_ns = load_relaxed(&collector_ns);
    times->last_pause_ns = load_relaxed(&last_pause_ns);
}

/* ---- A fork ---- */

/* These come before the collector takes its lock: nobody who holds a lock of ours waits for the collector, and a
 * collection that ends meanwhile takes none of ours. Who asks a registry does both, so nobody asks by then. From the
 * outside in. */
static void before_fork(void)
{
    /* Some versions of the collector cannot fork a thread that they do not know. */
    (void)thread_enter();
    debug_report_fork_prepare();
    executor_fork_prepare();
    single_flight_fork_prepare();
    records_fork_prepare();
    registry_fork_prepare();
    trie_fork_prepare();
    thread_fork_prepare();
}

static void after_fork_in_parent(void)
{
    thread_fork_parent();
    trie_fork_done();
    registry_fork_parent();
    records_fork_done();
    single_flight_fork_parent();
    executor_fork_parent();
    debug_report_fork_parent();
}

static void after_fork_in_child(void)
{
    thread_fork_child();
    epoch_fork_child();
    trie_fork_done();
    registry_fork_child();
    records_fork_done();
    malloc_memory_fork_child();
    single_flight_fork_child();
    worker_fork_child();
    background_fork_child();
    executor_fork_child();
    debug_report_fork_child();
    unknown_threads_fork_child();
}

/* Forks are watched from the moment the library is loaded, since the first call may come beside one. Where the
 * collector is ours, all is done here, its own part last. Where it is the program's, it has handlers of its own,
 * registered by GC_INIT, which may be later and then comes before these: our part is then in handlers that the start
 * registers. */
static _Thread_local bool fork_is_ours;

static void before_any_fork(void)
{
    bool foreign = collector_is_initialized() && !collector_is_ours();
    bool started = start_fork_prepare(foreign);
    fork_is_ours = started && collector_is_ours();
    if (fork_is_ours)
        before_fork();
    collector_fork_prepare();
}

static void after_any_fork_in_parent(void)
{
    collector_fork_parent();
    if (fork_is_ours)
        after_fork_in_parent();
    start_fork_parent();
}

static void after_any_fork_in_child(void)
{
    collector_fork_child();
    if (fork_is_ours)
        after_fork_in_child();
    start_fork_child();
}

static int watch_error;

__attribute__((constructor)) static void watch_forks(void)
{
    watch_error = pthread_atfork(before_any_fork, after_any_fork_in_parent, after_any_fork_in_child);
}

/* 0 or -1 with errno. */
static int watch_own_forks(void)
{
    static bool done;
    if (watch_error != 0)
        watch_forks();
    int error = watch_error;
    if (error == 0 && !done && collector_is_initialized() && !collector_is_ours())
        error = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    if (error != 0) {
        errno = error;
        return -1;
    }
    done = true;
    return 0;
}

/* ---- The start ---- */

int start_parts(void)
{
    static const struct collector_hooks hooks = {
        .before_stop = before_stop,
        .before_stacks = stacks_before_push,
        .after_stacks = stacks_after_push,
        .push_roots = push_roots,
        .mark_end = mark_end,
        .decide = decide,
        .brought_back = brought_back,
        .kept = kept,
        .reclaim_end = reclaim_end,
    };
    static const struct executor_chore chore = {registry_wants_care, registry_care};
    static bool hashing, threads;
    if (!hashing && hash_start() != 0)
        return -1;
    hashing = true;
    if (!threads && thread_start() != 0)
        return -1;
    threads = true;
    weak_map_start();
    debug_words_check();
    debug_often_start();
    table_watch_start();
    if (stale_start() != 0)
        return -1;
    unknown_threads_start();
    argument_proxy_start();
    roots_describe_site = source_place_describe;
    if (watch_own_forks() != 0 || debug_report_start() != 0 || executor_start_up(chore) != 0 ||
        collector_start(&hooks) != 0)
        return -1;
    malloc_search_start();
    if (lost_start() != 0)
        return -1;
    /* What the collector calls, and other threads run, is in the module that this is linked into: perhaps a plugin. */
    (void)module_stay_loaded((const void *)&collections);
    /* A pointer to the bytes of a canonical value keeps the value alive. */
    collector_recognize_offset(SHORT_VALUE);
    collector_recognize_offset(WIDE_VALUE);
    return 0;
}

int hapax_init(void)
{
    return thread_enter() != NULL ? 0 : -1;
}
