/* Memory that runs out at every place where the library asks for some: the call fails with ENOMEM or manages without,
 * nothing is lost, and the next call works. */
#include "config.h"

#include "support.h"

#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <errno.h>
#include <gc/gc.h>
#include <gc/gc_inline.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

TestSuite(shortage, .timeout = 100);

/* ---- Injection ---- */

/* The program's own definitions of what the library allocates with come before those of other libraries. They fail
 * where the armed thread has asked for it, and only for the library's own calls: not inside of the collector. */

static _Thread_local long calls_left;   /* 0: not armed */
static _Thread_local bool failed;

static bool is_ours(const void *address)
{
    Dl_info caller, library;
    return dladdr(address, &caller) != 0 && dladdr((void *)(uintptr_t)hapax_init, &library) != 0 &&
           caller.dli_fbase == library.dli_fbase;
}

static bool fails(const void *caller)
{
    if (calls_left == 0 || !is_ours(caller))
        return false;
    if (--calls_left > 0)
        return false;
    failed = true;
    return true;
}

#define FAILS fails(__builtin_return_address(0))

/* So many threads of the library's fail to enter it. */
static atomic_uint entries_to_fail;

static bool entry_fails(void)
{
    char name[16] = "";
    if (atomic_load(&entries_to_fail) == 0 || pthread_getname_np(pthread_self(), name, sizeof name) != 0 ||
        strcmp(name, "hapax-cleanup") != 0)
        return false;
    atomic_fetch_sub(&entries_to_fail, 1u);
    return true;
}

#pragma GCC visibility push(default)

static void *next(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL)
        abort();
    return function;
}

void *GC_malloc(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL)
        real = next("GC_malloc");
    return FAILS ? NULL : real(size);
}

void *GC_malloc_atomic(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL)
        real = next("GC_malloc_atomic");
    return FAILS ? NULL : real(size);
}

void *GC_malloc_uncollectable(size_t size)
{
    static void *(*real)(size_t);
    if (real == NULL)
        real = next("GC_malloc_uncollectable");
    return FAILS ? NULL : real(size);
}

void GC_generic_malloc_many(size_t size, int kind, void **result)
{
    static void (*real)(size_t, int, void **);
    if (real == NULL)
        real = next("GC_generic_malloc_many");
    if (FAILS)
        *result = NULL;
    else
        real(size, kind, result);
}

void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset)
{
    if (FAILS) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}

int mprotect(void *address, size_t size, int protection)
{
    if (FAILS) {
        errno = ENOMEM;
        return -1;
    }
    return (int)syscall(SYS_mprotect, address, size, protection);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *data)
{
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (real == NULL)
        real = next("pthread_create");
    return FAILS ? EAGAIN : real(thread, attributes, start, data);
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    static int (*real)(pthread_key_t, const void *);
    if (real == NULL)
        real = next("pthread_setspecific");
    return FAILS || entry_fails() ? ENOMEM : real(key, value);
}

int pthread_key_create(pthread_key_t *key, void (*destroy)(void *))
{
    static int (*real)(pthread_key_t *, void (*)(void *));
    if (real == NULL)
        real = next("pthread_key_create");
    return FAILS ? ENOMEM : real(key, destroy);
}

#if defined __GLIBC__
/* What pthread_atfork is made of there. */
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *object)
{
    static int (*real)(void (*)(void), void (*)(void), void (*)(void), void *);
    if (real == NULL)
        real = next("__register_atfork");
    return FAILS ? ENOMEM : real(prepare, parent, child, object);
}
#endif

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__
enum { OF_MALLOC = 0 };
#else
enum { OF_MALLOC = 1 };     /* failures of its */
/* The sanitizer has its own before it can look for another. */
void *__libc_calloc(size_t count, size_t size);
void *__libc_malloc(size_t size);
void *__libc_realloc(void *old, size_t size);

static void *none(void)
{
    errno = ENOMEM;
    return NULL;
}

void *calloc(size_t count, size_t size)
{
    return FAILS ? none() : __libc_calloc(count, size);
}

void *malloc(size_t size)
{
    return FAILS ? none() : __libc_malloc(size);
}

void *realloc(void *old, size_t size)
{
    return FAILS ? none() : __libc_realloc(old, size);
}
#endif

#pragma GCC visibility pop

static void arm(long call)
{
    failed = false;
    calls_left = call;
}

static bool disarm(void)
{
    calls_left = 0;
    return failed;
}

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
    arm(attempt->call);
    bool worked = attempt->operate();
    int error = errno;
    if (!disarm()) {
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
    CHECK(hapax_wait_cleanups(10000));
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
EACH(intern_batch, false, 5)
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

/* ---- Amidst many ---- */

enum { OBJECTS = 20000 };
static void *objects[OBJECTS];
static hapax_weak weak[OBJECTS];
static hapax_handle handles[OBJECTS];
static hapax_cleanup cleanups[OBJECTS];

/* Everything grows; each time, every third allocation fails. */
static int grow(void *data)
{
    long every = (long)(intptr_t)data;
    size_t refusals = 0;
    CHECK(hapax_init() == 0);
    for (size_t i = 0; i < OBJECTS; i++) {
        char text[40];
        snprintf(text, sizeof text, "grown %zu", i);
#define TRY(what, worked)                                                                                             \
    for (int again = 0;; again++) {                                                                                   \
        arm(again < 3 ? every : 0);                                                                                   \
        bool well = (what, worked);                                                                                   \
        int error = errno;                                                                                            \
        (void)disarm();                                                                                               \
        if (well)                                                                                                     \
            break;                                                                                                    \
        refusals++;                                                                                                   \
        CHECK(error == ENOMEM);                                                                                       \
        CHECK(again < 3);                                                                                             \
    }
        TRY(objects[i] = hapax_alloc(24), objects[i] != NULL)
        TRY(handles[i] = hapax_intern(text), handles[i] != NULL)
        TRY(weak[i] = hapax_weak_make(objects[i]), weak[i] != NULL)
        TRY((void)0, hapax_pin(objects[i]) == 0)
        TRY((void)0, hapax_add_roots(&objects[i], sizeof *objects) == 0)
        TRY((void)0, hapax_add_cleanup(objects[i], nothing, NULL, &cleanups[i]) == 0)
        TRY((void)0, hapax_set_finalizer(objects[i], finalize, NULL) == 0)
#undef TRY
        if (i % 5000 == 0)
            hapax_collect();
    }
    hapax_collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    CHECK(stats.cleanups_pending == OBJECTS && stats.weak_cells == OBJECTS);
    for (size_t i = 0; i < OBJECTS; i++) {
        char text[40];
        snprintf(text, sizeof text, "grown %zu", i);
        CHECK(strcmp(hapax_handle_value(handles[i]), text) == 0 && hapax_intern(text) == handles[i]);
        CHECK(hapax_weak_value(weak[i]) == objects[i] && hapax_weak_make(objects[i]) == weak[i]);
        hapax_unpin(objects[i]);
        hapax_remove_roots(&objects[i], sizeof *objects);
        hapax_cleanup_stop(cleanups[i]);
        CHECK(hapax_set_finalizer(objects[i], NULL, NULL) == 0);
    }
    hapax_stats(&stats);
    CHECK(stats.cleanups_pending == 0);
    memset(handles, 0, sizeof handles);
    memset(objects, 0, sizeof objects);
    collect();
    CHECK(count_dead(weak, OBJECTS) >= OBJECTS / 10 * 9);
    struct hapax_table_stats table;
    hapax_table_stats(hapax_strings(), &table);
    CHECK(table.live <= OBJECTS / 10);
    CHECK(refusals > 0);
    return 0;
}

Test(shortage, everything_grows_with_failures_in_between)
{
    for (long every = 1; every <= 3; every++)
        cr_assert_eq(in_child(grow, (void *)(intptr_t)every), 0, "every %ld", every);
}

/* ---- A thread that cannot enter ---- */

static atomic_uint cleaned;

static void count_cleaned(void *unused)
{
    (void)unused;
    atomic_fetch_add(&cleaned, 1u);
}

static void make_cleaned(size_t i)
{
    (void)i;
    if (hapax_add_cleanup(hapax_alloc(32), count_cleaned, NULL, NULL) != 0)
        abort();
}

static int thread_fails_to_enter(void *unused)
{
    (void)unused;
    CHECK(hapax_init() == 0);
    atomic_store(&entries_to_fail, 1u);
    CHECK(hapax_set_cleanup_threads(1) == 0);
    while (atomic_load(&entries_to_fail) > 0)
        usleep(1000);
    usleep(50000);
    /* The next cleanup that is added has a thread started anew. */
    make_each(MANY, make_cleaned);
    collect();
    CHECK(hapax_wait_cleanups(10000));
    CHECK(atomic_load(&cleaned) >= MOST);
    return 0;
}

Test(shortage, a_thread_that_cannot_enter_is_started_anew)
{
    cr_assert_eq(in_child(thread_fails_to_enter, NULL), 0);
}

/* ---- A heap that is full ---- */

static hapax_handle kept[OBJECTS];

static int full_heap(void *unused)
{
    (void)unused;
    CHECK(hapax_init() == 0);
    GC_set_max_heap_size(8 << 20);
    /* Handles until nothing goes any more. */
    size_t made = 0;
    char text[1100];
    memset(text, 'x', sizeof text);
    for (; made < OBJECTS; made++) {
        snprintf(text, 20, "%06zu", made);
        text[strlen(text)] = ' ';
        if ((kept[made] = hapax_make_handle(hapax_strings(), text, 1000)) == NULL)
            break;
    }
    CHECK(errno == ENOMEM && made > 1000 && made < OBJECTS);
    errno = 0;
    CHECK(hapax_alloc(1 << 20) == NULL && errno == ENOMEM);
    /* What is there is there, and is found. */
    for (size_t i = 0; i < made; i++) {
        snprintf(text, 20, "%06zu", i);
        text[strlen(text)] = ' ';
        CHECK(hapax_find_handle(hapax_strings(), text, 1000) == kept[i]);
        CHECK(memcmp(hapax_handle_value(kept[i]), text, 1000) == 0);
    }
    /* Half of it goes, and there is room again. */
    memset(kept, 0, made / 2 * sizeof *kept);
    memset(text, 0, sizeof text);
    collect();
    for (size_t i = 0; i < made / 4; i++) {
        snprintf(text, sizeof text, "after the shortage, %zu", i);
        CHECK((kept[i] = hapax_intern(text)) != NULL);
    }
    return 0;
}

Test(shortage, a_full_heap)
{
    cr_assert_eq(in_child(full_heap, NULL), 0);
}
