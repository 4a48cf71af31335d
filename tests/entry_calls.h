/* SPDX-License-Identifier: MIT */
/* Every public function, called once: each starts the library by itself, and makes its thread known. */
#ifndef TESTS_ENTRY_CALLS_H
#define TESTS_ENTRY_CALLS_H

#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <errno.h>
#include <gc/gc.h>

TestSuite(start, .timeout = 60);

/* ---- The first call ---- */

static inline void nothing(void *unused)
{
    (void)unused;
}

static int fixed;
static bool right;      /* the call answered what it should */

static inline void call_init(void)
{
    right = hapax_init() == 0;
}
static inline void call_alloc(void)
{
    right = hapax_alloc(100) != NULL;
}
static inline void call_alloc_plain(void)
{
    right = hapax_alloc_plain(100) != NULL;
}
static inline void call_pin(void)
{
    right = hapax_pin(&fixed) == 0;
}
static inline void call_pin_nothing(void)
{
    right = hapax_pin(NULL) == -1 && errno == EINVAL;
}
static inline void call_unpin(void)
{
    hapax_unpin(&fixed);
    right = true;
}
static inline void call_add_roots(void)
{
    right = hapax_add_roots(&fixed, sizeof fixed) == 0;
}
static inline void call_remove_roots(void)
{
    hapax_remove_roots(&fixed, sizeof fixed);
    right = true;
}
static inline void call_external_memory(void)
{
    hapax_external_memory(1);
    right = true;
}
static inline void call_collect(void)
{
    hapax_collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    right = stats.collections == 1;
}
static inline void call_table_new(void)
{
    right = hapax_table_new(NULL, 0) != NULL;
}
static inline void call_strings(void)
{
    right = hapax_strings() != NULL && hapax_strings() == hapax_strings();
}
static inline void call_make_handle(void)
{
    right = hapax_make_handle(hapax_strings(), "x", 1) != NULL;
}
static inline void call_make_handle_nowhere(void)
{
    right = hapax_make_handle(NULL, "x", 1) == NULL && errno == EINVAL;
}
static inline void call_find_handle(void)
{
    right = hapax_find_handle(hapax_strings(), "x", 1) == NULL;
}
static inline void call_make_handles(void)
{
    hapax_span span = {"x", 1};
    hapax_handle handle;
    right = hapax_make_handles(hapax_strings(), &span, 1, &handle) == 1 && handle != NULL;
}
static inline void call_intern(void)
{
    right = hapax_intern("x") != NULL;
}
static inline void call_hash(void)
{
    right = hapax_hash(hapax_strings(), "x", 1) != 0;
}
static inline void call_make_handle_hashed(void)
{
    hapax_table *strings = hapax_strings();
    right = hapax_make_handle_hashed(strings, "x", 1, hapax_hash(strings, "x", 1)) == hapax_intern("x");
}
static inline void call_readers(void)
{
    right = hapax_handle_value(NULL) == NULL && hapax_handle_size(NULL) == 0 && hapax_handle_hash(NULL) == 0;
}
static inline bool visit(hapax_handle handle, void *context)
{
    (void)handle;
    (void)context;
    return false;
}
static inline void call_table_each(void)
{
    right = hapax_table_each(hapax_strings(), visit, NULL) && !hapax_table_each(NULL, visit, NULL);
}
static inline void call_table_stats(void)
{
    struct hapax_table_stats stats;
    hapax_table_stats(NULL, &stats);
    right = stats.live == 0;
}
static inline void call_weak_make(void)
{
    right = hapax_weak_value(hapax_weak_make(&fixed)) == &fixed;
}
static inline void call_weak_make_nothing(void)
{
    right = hapax_weak_make(NULL) == NULL;
}
static inline void call_weak_value(void)
{
    right = hapax_weak_value(NULL) == NULL;
}
static inline void call_add_cleanup(void)
{
    right = hapax_add_cleanup(&fixed, nothing, NULL, NULL) == 0;
}
static inline void call_add_cleanup_to_collected(void)
{
    right = hapax_add_cleanup(GC_MALLOC(20), nothing, NULL, NULL) == 0;
}
static inline void call_cleanup_stop(void)
{
    hapax_cleanup_stop((hapax_cleanup){0, NULL});
    right = true;
}
static inline void call_set_cleanup_threads(void)
{
    right = hapax_set_cleanup_threads(2) == 0;
}
static inline void call_run_cleanups(void)
{
    right = hapax_run_cleanups() == 0;
}
static inline void call_wait_cleanups(void)
{
    right = hapax_wait_cleanups(FOR_EVER);
}
static inline void finalize(void *object, void *unused)
{
    (void)object;
    (void)unused;
}
static inline void call_set_finalizer(void)
{
    right = hapax_set_finalizer(&fixed, finalize, NULL) == 0;
}
static inline void *create(const void *key, size_t size, void *context, int *error)
{
    (void)key;
    (void)size;
    (void)context;
    (void)error;
    return hapax_alloc(10);
}
static inline void call_cache(void)
{
    hapax_cache *cache = hapax_cache_new(create, NULL);
    right = cache != NULL && hapax_cache_get(cache, "x", 1, NULL) != NULL;
}
static inline void call_weak_map(void)
{
    hapax_weak_map *map = hapax_weak_map_new();
    right = map != NULL && hapax_weak_map_set(map, &fixed, &fixed) == 0 &&
            hapax_weak_map_get(map, &fixed) == &fixed && hapax_weak_map_remove(map, &fixed) &&
            hapax_weak_map_get_or_set(map, &fixed, map) == map;
}
static inline void call_mapped_file_open(void)
{
    hapax_mapped_file *file = hapax_mapped_file_open("/proc/self/exe");
    right = file != NULL && hapax_mapped_file_bytes(file).size > 0;
}
static inline void call_mapped_file_open_shared(void)
{
    hapax_mapped_file *file = hapax_mapped_file_open_shared("/proc/self/exe");
    right = file != NULL && hapax_mapped_file_open_shared("/proc/self/exe") == file;
}
static inline void call_map_bytes(void)
{
    size_t size;
    right = hapax_map_bytes("/proc/self/exe", &size) != NULL && size > 0;
}
static inline void tick(void *unused)
{
    (void)unused;
}
static inline void call_worker(void)
{
    hapax_worker *worker = hapax_worker_start(&fixed, tick, NULL, 1000);
    right = worker != NULL;
    hapax_worker_stop(worker);
}
static inline void call_keep_alive(void)
{
    hapax_keep_alive(&fixed);
    right = true;
}
static inline void call_stats(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    right = stats.heap_bytes > 0 && stats.collections == 0;
}
static inline void call_version(void)
{
    right = hapax_version() != NULL;
}

static const struct entry {
    const char *name;
    void (*call)(void);
    bool is_idle;       /* has nothing to do with such an argument, and need not start anything */
} entries[] = {
    {"init", call_init},
    {"alloc", call_alloc},
    {"alloc_plain", call_alloc_plain},
    {"pin", call_pin},
    {"pin, refused", call_pin_nothing},
    {"unpin", call_unpin},
    {"add_roots", call_add_roots},
    {"remove_roots", call_remove_roots},
    {"external_memory", call_external_memory},
    {"collect", call_collect},
    {"table_new", call_table_new},
    {"strings", call_strings},
    {"make_handle", call_make_handle},
    {"make_handle, refused", call_make_handle_nowhere, true},
    {"find_handle", call_find_handle},
    {"make_handles", call_make_handles},
    {"intern", call_intern},
    {"hash", call_hash},
    {"make_handle_hashed", call_make_handle_hashed},
    {"the readers", call_readers, true},
    {"table_each", call_table_each},
    {"table_stats", call_table_stats, true},
    {"weak_make", call_weak_make},
    {"weak_make of NULL", call_weak_make_nothing, true},
    {"weak_value", call_weak_value, true},
    {"add_cleanup", call_add_cleanup},
    {"add_cleanup, collected", call_add_cleanup_to_collected},
    {"cleanup_stop", call_cleanup_stop, true},
    {"set_cleanup_threads", call_set_cleanup_threads},
    {"run_cleanups", call_run_cleanups},
    {"wait_cleanups", call_wait_cleanups},
    {"set_finalizer", call_set_finalizer},
    {"cache_new, cache_get", call_cache},
    {"weak_map_new and others", call_weak_map},
    {"mapped_file_open", call_mapped_file_open},
    {"mapped_file_open_shared", call_mapped_file_open_shared},
    {"map_bytes", call_map_bytes},
    {"worker_start", call_worker},
    {"keep_alive", call_keep_alive, true},
    {"stats", call_stats},
    {"version", call_version, true},
};
enum { ENTRIES = sizeof entries / sizeof *entries };

static hapax_weak weak[MANY];
static hapax_handle handles[MANY];

static inline void make_handle(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "some value %zu", i);
    weak[i] = hapax_weak_make(hapax_intern(text));
    if (i % 2)
        handles[i] = hapax_intern(text);
}

static inline int everything_works(void)
{
    make_each(MANY, make_handle);
    collect();
    size_t dead = 0;
    for (size_t i = 0; i < MANY; i++)
        if (i % 2)
            CHECK(hapax_weak_value(weak[i]) == handles[i] && handles[i] != NULL);
        else
            dead += hapax_weak_value(weak[i]) == NULL;
    CHECK(dead >= MOST / 2);
    CHECK(hapax_intern("some value 501") == handles[501]);
    CHECK(hapax_wait_cleanups(FOR_EVER));
    return 0;
}

static inline void *call_in_thread(void *entry)
{
    ((const struct entry *)entry)->call();
    return NULL;
}

static inline int first_call(void *data)
{
    const struct entry *entry = data;
    call_in_thread(data);
    CHECK(right);
    CHECK(entry->is_idle || (GC_is_init_called() && GC_thread_is_registered()));
    return everything_works();
}

#endif
