/* SPDX-License-Identifier: MIT */
/* Memory that runs out at every place where the library asks for some: the call fails with ENOMEM or manages without,
 * nothing is lost, and the next call works. */
#include "config.h"

#include "injection.h"
#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

TestSuite(shortage, .timeout = 100);

/* ---- Operations ---- */

static void nothing(void *unused)
{
    (void)unused;
}

static void finalize(void *object, void *unused)
{
    (void)object;
    (void)unused;
}

/* Each answers whether it worked. */

static bool start_library(void)
{
    return hapax_init() == 0;
}

static bool allocate(void)
{
    char *object = hapax_alloc(100);
    return object != NULL && object[99] == 0;
}

static bool allocate_plain(void)
{
    char *object = hapax_alloc_plain(100);
    return object != NULL && object[99] == 0;
}

static bool allocate_large_plain(void)
{
    char *object = hapax_alloc_plain(100000);
    return object != NULL && object[99999] == 0;
}

static void *target;

static bool pin(void)
{
    if (hapax_pin(target) != 0)
        return false;
    hapax_unpin(target);
    return true;
}

static bool add_roots(void)
{
    if (hapax_add_roots(&target, sizeof target) != 0)
        return false;
    hapax_remove_roots(&target, sizeof target);
    return true;
}

static bool point_weakly(void)
{
    hapax_weak cell = hapax_weak_make(target);
    return cell != NULL && hapax_weak_value(cell) == target && hapax_weak_make(target) == cell;
}

static hapax_cleanup cleanup;

static bool add_cleanup(void)
{
    if (hapax_add_cleanup(target, nothing, NULL, &cleanup) != 0)
        return false;
    hapax_cleanup_stop(cleanup);
    return true;
}

static bool set_finalizer(void)
{
    return hapax_set_finalizer(target, finalize, NULL) == 0 && hapax_set_finalizer(target, NULL, NULL) == 0;
}

static bool intern(void)
{
    hapax_handle handle = hapax_intern("a string");
    return handle != NULL && strcmp(hapax_handle_value(handle), "a string") == 0 &&
           hapax_find_handle(hapax_strings(), "a string", 8) == handle;
}

static bool make_table(void)
{
    hapax_table *table = hapax_table_new(NULL, 0);
    return table != NULL && hapax_make_handle(table, "x", 1) != NULL;
}

static bool make_keeping_table(void)
{
    hapax_table *table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
    return table != NULL && hapax_make_handle(table, "x", 1) != NULL;
}

static bool intern_batch(void)
{
    enum { N = 100 };
    static char texts[N][8];
    static hapax_handle handles[N];
    hapax_span spans[N];
    for (unsigned i = 0; i < N; i++)
        spans[i] = (hapax_span){texts[i], (size_t)snprintf(texts[i], sizeof texts[i], "no. %u", i)};
    hapax_table *strings = hapax_strings();
    if (strings == NULL)
        return false;
    size_t made = hapax_make_handles(strings, spans, N, handles);
    for (unsigned i = 0; i < N; i++)
        if ((handles[i] != NULL) != (i < made))
            abort();
    return made == N;
}

static bool equal_never(const void *a, const void *b, size_t size)
{
    (void)a;
    (void)b;
    (void)size;
    return false;
}

static bool make_unequal(void)
{
    static hapax_table *table;
    static const struct hapax_type type = {.equal = equal_never};
    if (table == NULL)
        table = hapax_table_new(&type, HAPAX_TABLE_KEEPS_VALUES);
    hapax_handle handle = table != NULL ? hapax_make_handle(table, "x", 1) : NULL;
    hapax_handle other = handle != NULL ? hapax_make_handle(table, "x", 1) : NULL;
    if (other == NULL)
        return false;
    /* The table knows of both. */
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    if (other == handle || stats.live < 2)
        abort();
    hapax_keep_alive(handle);
    hapax_keep_alive(other);
    return true;
}

static bool make_holder(void)
{
    static hapax_table *table;
    static const struct hapax_type type = {.size = sizeof(void *), .flags = HAPAX_TYPE_HAS_POINTERS};
    if (hapax_table_once(&table, &type) == NULL)
        return false;
    hapax_handle handle = hapax_make_handle(table, &target, sizeof target);
    return handle != NULL && *(void *const *)hapax_handle_value(handle) == target;
}

static bool set_threads(void)
{
    if (hapax_set_cleanup_threads(3) == 0)
        return true;
    /* This one tells of threads. */
    if (errno == EAGAIN)
        errno = ENOMEM;
    return false;
}

static void *create(const void *key, size_t size, void *context, int *error)
{
    (void)key, (void)size, (void)context, (void)error;
    return target;
}

static bool use_cache(void)
{
    static hapax_cache *cache;
    if (cache == NULL && (cache = hapax_cache_new(create, NULL)) == NULL)
        return false;
    int error = 0;
    if (hapax_cache_get(cache, "key", 3, &error) == NULL) {
        if (error != errno)
            abort();
        return false;
    }
    return error == 0 && hapax_cache_get(cache, "key", 3, NULL) == target;
}

static bool use_weak_map(void)
{
    static hapax_weak_map *map;
    if (map == NULL && (map = hapax_weak_map_new()) == NULL)
        return false;
    return hapax_weak_map_set(map, target, target) == 0 && hapax_weak_map_get(map, target) == target;
}

static const char a_file[] = "/proc/self/exe";

static bool is_program(const void *bytes, size_t size)
{
    return size > 4 && memcmp(bytes, "\177ELF", 4) == 0;
}

static bool map_file(void)
{
    hapax_mapped_file *file = hapax_mapped_file_open(a_file);
    return file != NULL && is_program(hapax_mapped_file_bytes(file).data, hapax_mapped_file_bytes(file).size);
}

static bool map_shared_file(void)
{
    hapax_mapped_file *file = hapax_mapped_file_open_shared(a_file);
    return file != NULL && is_program(hapax_mapped_file_bytes(file).data, hapax_mapped_file_bytes(file).size) &&
           hapax_mapped_file_open_shared(a_file) == file;
}

static bool map_bytes(void)
{
    size_t size = 1;
    const char *bytes = hapax_map_bytes(a_file, &size);
    if (bytes == NULL && size != 0)
        abort();
    return bytes != NULL && is_program(bytes, size);
}

static bool start_worker(void)
{
    hapax_worker *worker = hapax_worker_start(target, nothing, target, 1);
    if (worker == NULL) {
        /* This one tells of threads. */
        if (errno == EAGAIN)
            errno = ENOMEM;
        return false;
    }
    hapax_worker_stop(worker);
    return true;
}

struct pair {
    int a, b;
};
HAPAX_DEFINE_HANDLE(pair, struct pair, a, b)

static bool make_typed(void)
{
    struct pair pair = {1, 2};
    pair_handle handle = pair_make(&pair);
    return handle != NULL && pair_value(handle)->b == 2 && pair_find(&pair) == handle;
}

/* With a debug switch the library remembers more. */
static bool add_watched(void)
{
    setenv("HAPAX_DEBUG", "cleanups", 1);
    if (hapax_init() != 0) {
        if (errno == EAGAIN)
            errno = ENOMEM;
        return false;
    }
    void *object = hapax_alloc(32);
    if (object == NULL || hapax_add_cleanup(object, nothing, target, &cleanup) != 0)
        return false;
    hapax_cleanup_stop(cleanup);
    return hapax_set_finalizer(object, finalize, target) == 0 && hapax_set_finalizer(object, NULL, NULL) == 0;
}

/* ---- One at a time ---- */

struct attempt {
    bool (*operate)(void);
    bool prepared;      /* the library has started, and the target is there */
    long call;
};

enum { ENDED = 100, FAILED = 101, MANAGED = 102 };

static int attempt(void *data)
{
    const struct attempt *attempt = data;
    if (attempt->prepared) {
        CHECK(hapax_init() == 0);
        target = hapax_alloc(32);
    } else {
        /* A target without the library. */
        static char fixed[32];
        target = fixed;
    }
    errno = 0;
    injection_arm(attempt->call);
    bool worked = attempt->operate();
    int error = errno;
    if (!injection_disarm()) {
        CHECK(worked);
        return ENDED;
    }
    if (!worked)
        CHECK(error == ENOMEM);
    /* Whatever happened: from now on it works, and again. */
    CHECK(attempt->operate());
    CHECK(allocate() && allocate_plain() && intern() && point_weakly() && add_cleanup() && pin() && add_roots());
    for (int round = 0; round < 2; round++) {
        hapax_collect();
        CHECK(attempt->operate());
        CHECK(intern() && point_weakly() && pin());
    }
    CHECK(hapax_wait_cleanups(FOR_EVER));
    struct hapax_stats stats;
    hapax_stats(&stats);
    CHECK(stats.cleanups_pending == 0 && stats.cleanups_queued == 0);
    return worked ? MANAGED : FAILED;
}

/* Lets each allocation of the operation fail, the first, the second and so on, each in a process of its own. */
static void fail_each(const char *name, bool (*operate)(void), bool prepared, int at_least)
{
    int failures = 0;
    for (long call = 1;; call++) {
        struct attempt data = {operate, prepared, call};
        int end = in_child(attempt, &data);
        if (end == ENDED)
            break;
        cr_assert(end == FAILED || end == MANAGED, "%s, call %ld: ended with %d", name, call, end);
        failures += end == FAILED;
        cr_assert_lt(call, 100, "%s never comes to an end", name);
    }
    cr_assert_geq(failures, at_least, "%s: only %d failures", name, failures);
}

#define EACH(operation, prepared, at_least)                                                                           \
    Test(shortage, operation##_##prepared)                                                                            \
    {                                                                                                                 \
        fail_each(#operation, operation, prepared, at_least);                                                         \
    }

/* The last number: allocations without which it cannot do, as a lower bound. */
EACH(start_library, false, 2)
EACH(allocate, false, 3)
EACH(allocate, true, 1)
EACH(allocate_plain, false, 3)
EACH(allocate_plain, true, 1)
EACH(allocate_large_plain, true, 1)
EACH(pin, true, OF_MALLOC)
EACH(add_roots, true, OF_MALLOC)
EACH(point_weakly, false, 4)
EACH(point_weakly, true, 3)
EACH(add_cleanup, true, 2)
EACH(set_finalizer, true, 3)
EACH(intern, false, 5)
EACH(intern, true, 3)
EACH(intern_batch, false, 4 + OF_MALLOC)
EACH(intern_batch, true, 2 + OF_MALLOC)
EACH(make_unequal, true, 3)
EACH(make_holder, true, 3)
EACH(make_table, true, 2)
EACH(make_keeping_table, true, 3)
EACH(set_threads, true, 3)
EACH(use_cache, true, 3)
EACH(use_weak_map, true, 3)
EACH(map_file, true, 2)
EACH(map_shared_file, true, 4)
EACH(map_bytes, true, 2)
EACH(start_worker, true, 4)
EACH(make_typed, true, 3)
EACH(add_watched, false, 6)
