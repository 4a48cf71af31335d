/* SPDX-License-Identifier: MIT */
/* Functions that succeed leave errno alone: where the collector runs the program's finalizers inside of them, which set
 * it; and where a first attempt fails and the second succeeds. */
#include "config.h"

#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <errno.h>
#include <gc/gc.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 200, UNUSUAL = 9999, FOREIGN = 7777 };

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(kept_errno, .init = start, .timeout = 60);

/* ---- Foreign finalizers ---- */

static size_t finalized;

static void GC_CALLBACK set_errno(void *object, void *unused)
{
    (void)object;
    (void)unused;
    finalized++;
    errno = FOREIGN;
}

static void litter(size_t unused)
{
    (void)unused;
    GC_register_finalizer(GC_MALLOC(32), set_errno, NULL, NULL, NULL);
}

/* Finalizers wait for the next allocation of any thread. */
static void have_finalizers_wait(void)
{
    GC_set_finalize_on_demand(1);
    make_each(50, litter);
    GC_gcollect();
    GC_set_finalize_on_demand(0);
}

static void *object;
static hapax_table *table;
static hapax_weak_map *map;
static hapax_cache *cache;
static size_t number;
static char text[40];

static const char *new_text(void)
{
    snprintf(text, sizeof text, "text %zu", number++);
    return text;
}

static void *create(const void *key, size_t size, void *context, int *error)
{
    (void)key, (void)size, (void)context, (void)error;
    void *value = hapax_alloc(16);
    errno = FOREIGN;
    return value;
}

static void forget(void *unused)
{
    (void)unused;
    errno = FOREIGN;
}

static void finalize(void *unused, void *argument)
{
    (void)unused, (void)argument;
}

static void tick(void *unused)
{
    (void)unused;
}

static bool visit(hapax_handle handle, void *unused)
{
    (void)unused;
    bool goes_on = handle != NULL && hapax_alloc(100) != NULL;
    errno = FOREIGN;
    return goes_on;
}

static bool do_alloc(void)
{
    return hapax_alloc(100) != NULL;
}

static bool do_alloc_plain(void)
{
    return hapax_alloc_plain(1000) != NULL;
}

static bool do_alloc_plain_small(void)
{
    return hapax_alloc_plain(40) != NULL;
}

static bool do_table_new(void)
{
    return hapax_table_new(NULL, 0) != NULL;
}

static bool do_make_handle(void)
{
    return hapax_make_handle(table, text, strlen(text)) != NULL;
}

static bool do_make_handles(void)
{
    hapax_span spans[] = {{text, strlen(text)}, {"", 0}};
    hapax_handle handles[2];
    return hapax_make_handles(table, spans, 2, handles) == 2;
}

static bool do_intern(void)
{
    return hapax_intern(text) != NULL;
}

static bool do_table_each(void)
{
    hapax_handle handle = hapax_make_handle(table, text, strlen(text));
    bool well = hapax_table_each(table, visit, NULL);
    hapax_keep_alive(handle);
    return well;
}

static bool do_weak_make(void)
{
    return hapax_weak_make((char *)object + number++ % 4000) != NULL;
}

static bool do_add_cleanup(void)
{
    return hapax_add_cleanup(object, forget, NULL, NULL) == 0;
}

static bool do_set_finalizer(void)
{
    return hapax_set_finalizer(hapax_alloc(16), finalize, NULL) == 0;
}

static bool do_weak_map_new(void)
{
    return hapax_weak_map_new() != NULL;
}

static bool do_weak_map_set(void)
{
    return hapax_weak_map_set(map, (char *)object + number++ % 4000, object) == 0;
}

static bool do_cache_new(void)
{
    return hapax_cache_new(create, NULL) != NULL;
}

static bool do_cache_get(void)
{
    return hapax_cache_get(cache, text, strlen(text), NULL) != NULL;
}

static bool do_pin(void)
{
    return hapax_pin((char *)object + number++ % 4000) == 0;
}

static bool do_collect(void)
{
    hapax_collect();
    return true;
}

static bool do_mapped_file(void)
{
    return hapax_mapped_file_open("/proc/self/exe") != NULL;
}

static bool do_mapped_file_shared(void)
{
    return hapax_mapped_file_open_shared("/proc/self/exe") != NULL;
}

static bool do_map_bytes(void)
{
    return hapax_map_bytes("/proc/self/exe", NULL) != NULL;
}

static bool do_worker(void)
{
    hapax_worker *worker = hapax_worker_start(object, tick, NULL, 1000000);
    hapax_worker_stop(worker);
    return worker != NULL;
}

static bool do_stats(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return true;
}

static bool do_run_cleanups(void)
{
    bool well = hapax_set_cleanup_threads(0) == 0 && hapax_add_cleanup(hapax_alloc(16), forget, NULL, NULL) == 0;
    hapax_collect();
    (void)hapax_run_cleanups();
    return well && hapax_set_cleanup_threads(1) == 0 && hapax_wait_cleanups(FOR_EVER);
}

static const struct call {
    const char *name;
    bool (*function)(void);
    unsigned rounds;    /* 0: ROUNDS */
} calls[] = {
    {"alloc", do_alloc, 0},
    {"alloc_plain", do_alloc_plain, 0},
    {"alloc_plain, small", do_alloc_plain_small, 0},
    {"table_new", do_table_new, 0},
    {"make_handle", do_make_handle, 0},
    {"make_handles", do_make_handles, 0},
    {"intern", do_intern, 0},
    {"table_each", do_table_each, 3},
    {"weak_make", do_weak_make, 0},
    {"add_cleanup", do_add_cleanup, 0},
    {"set_finalizer", do_set_finalizer, 0},
    {"weak_map_new", do_weak_map_new, 0},
    {"weak_map_set", do_weak_map_set, 0},
    {"cache_new", do_cache_new, 0},
    {"cache_get", do_cache_get, 0},
    {"pin", do_pin, 0},
    {"collect", do_collect, 0},
    {"mapped_file_open", do_mapped_file, 0},
    {"mapped_file_open_shared", do_mapped_file_shared, 0},
    {"map_bytes", do_map_bytes, 0},
    {"worker_start", do_worker, 20},
    {"stats", do_stats, 20},
    {"run_cleanups", do_run_cleanups, 0},
};

static void make_subjects(void)
{
    object = hapax_alloc(4096);
    table = hapax_table_new(NULL, 0);
    map = hapax_weak_map_new();
    cache = hapax_cache_new(create, NULL);
}

Test(kept_errno, where_foreign_finalizers_set_it)
{
    make_subjects();
    for (const struct call *call = calls; call < calls + sizeof calls / sizeof *calls; call++) {
        unsigned changed = 0, rounds = call->rounds != 0 ? call->rounds : ROUNDS;
        for (unsigned i = 0; i < rounds; i++) {
            have_finalizers_wait();
            new_text();
            errno = UNUSUAL;
            cr_expect(call->function(), "%s", call->name);
            changed += errno != UNUSUAL;
        }
        cr_expect_eq(changed, 0, "%s: %u of %u", call->name, changed, rounds);
    }
    cr_assert_geq(finalized, ROUNDS);
}

/* ---- The program's own functions ---- */

static uint64_t hash_and_set_errno(const void *value, size_t size, uint64_t seed)
{
    (void)size;
    errno = FOREIGN;
    return *(const unsigned char *)value ^ seed;
}

static bool equal_and_set_errno(const void *a, const void *b, size_t size)
{
    errno = FOREIGN;
    return memcmp(a, b, size) == 0;
}

static bool copy_and_set_errno(void *to, const void *from, size_t size)
{
    errno = FOREIGN;
    memcpy(to, from, size);
    return true;
}

Test(kept_errno, where_functions_of_a_type_set_it)
{
    const struct hapax_type type = {
        .size = 2, .hash = hash_and_set_errno, .equal = equal_and_set_errno, .copy = copy_and_set_errno};
    hapax_table *typed = hapax_table_new(&type, 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        const unsigned char value[] = {(unsigned char)(i % 8), (unsigned char)(i % 100)};
        errno = UNUSUAL;
        hapax_handle handle = hapax_make_handle(typed, value, sizeof value);
        cr_expect_not_null(handle);
        cr_expect_eq(errno, UNUSUAL, "made");
        cr_expect_eq(hapax_find_handle(typed, value, sizeof value), handle);
        cr_expect_eq(errno, UNUSUAL, "found");
        cr_expect_eq(hapax_handle_hash(handle), hapax_hash(typed, value, sizeof value));
        cr_expect_eq(errno, UNUSUAL, "hashed");
        const unsigned char missing[] = {value[0], 200};
        cr_expect_null(hapax_find_handle(typed, missing, sizeof missing));
        cr_expect_eq(errno, UNUSUAL, "not found");
        hapax_keep_alive(handle);
    }
}
