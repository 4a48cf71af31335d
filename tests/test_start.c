/* The library starts by itself, from whatever is called first, in whatever thread. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(start, .timeout = 60);

/* ---- The first call ---- */

static void nothing(void *unused)
{
    (void)unused;
}

static int fixed;
static bool right;      /* the call answered what it should */

static void call_init(void)
{
    right = hapax_init() == 0;
}
static void call_alloc(void)
{
    right = hapax_alloc(100) != NULL;
}
static void call_alloc_plain(void)
{
    right = hapax_alloc_plain(100) != NULL;
}
static void call_pin(void)
{
    right = hapax_pin(&fixed) == 0;
}
static void call_pin_nothing(void)
{
    right = hapax_pin(NULL) == -1 && errno == EINVAL;
}
static void call_unpin(void)
{
    hapax_unpin(&fixed);
    right = true;
}
static void call_add_roots(void)
{
    right = hapax_add_roots(&fixed, sizeof fixed) == 0;
}
static void call_remove_roots(void)
{
    hapax_remove_roots(&fixed, sizeof fixed);
    right = true;
}
static void call_collect(void)
{
    hapax_collect();
    struct hapax_stats stats;
    hapax_stats(&stats);
    right = stats.collections == 1;
}
static void call_table_new(void)
{
    right = hapax_table_new(NULL, 0) != NULL;
}
static void call_strings(void)
{
    right = hapax_strings() != NULL && hapax_strings() == hapax_strings();
}
static void call_make_handle(void)
{
    right = hapax_make_handle(hapax_strings(), "x", 1) != NULL;
}
static void call_make_handle_nowhere(void)
{
    right = hapax_make_handle(NULL, "x", 1) == NULL && errno == EINVAL;
}
static void call_find_handle(void)
{
    right = hapax_find_handle(hapax_strings(), "x", 1) == NULL;
}
static void call_make_handles(void)
{
    hapax_span span = {"x", 1};
    hapax_handle handle;
    right = hapax_make_handles(hapax_strings(), &span, 1, &handle) == 1 && handle != NULL;
}
static void call_intern(void)
{
    right = hapax_intern("x") != NULL;
}
static void call_hash(void)
{
    right = hapax_hash(hapax_strings(), "x", 1) != 0;
}
static void call_make_handle_hashed(void)
{
    hapax_table *strings = hapax_strings();
    right = hapax_make_handle_hashed(strings, "x", 1, hapax_hash(strings, "x", 1)) == hapax_intern("x");
}
static void call_readers(void)
{
    right = hapax_handle_value(NULL) == NULL && hapax_handle_size(NULL) == 0 && hapax_handle_hash(NULL) == 0;
}
static bool visit(hapax_handle handle, void *context)
{
    (void)handle;
    (void)context;
    return false;
}
static void call_table_each(void)
{
    right = hapax_table_each(hapax_strings(), visit, NULL) && !hapax_table_each(NULL, visit, NULL);
}
static void call_table_stats(void)
{
    struct hapax_table_stats stats;
    hapax_table_stats(NULL, &stats);
    right = stats.live == 0;
}
static void call_weak_make(void)
{
    right = hapax_weak_value(hapax_weak_make(&fixed)) == &fixed;
}
static void call_weak_make_nothing(void)
{
    right = hapax_weak_make(NULL) == NULL;
}
static void call_weak_value(void)
{
    right = hapax_weak_value(NULL) == NULL;
}
static void call_add_cleanup(void)
{
    right = hapax_add_cleanup(&fixed, nothing, NULL, NULL) == 0;
}
static void call_add_cleanup_to_collected(void)
{
    right = hapax_add_cleanup(GC_MALLOC(20), nothing, NULL, NULL) == 0;
}
static void call_cleanup_stop(void)
{
    hapax_cleanup_stop((hapax_cleanup){0, NULL});
    right = true;
}
static void call_set_cleanup_threads(void)
{
    right = hapax_set_cleanup_threads(2) == 0;
}
static void call_run_cleanups(void)
{
    right = hapax_run_cleanups() == 0;
}
static void call_wait_cleanups(void)
{
    right = hapax_wait_cleanups(1000);
}
static void finalize(void *object, void *unused)
{
    (void)object;
    (void)unused;
}
static void call_set_finalizer(void)
{
    right = hapax_set_finalizer(&fixed, finalize, NULL) == 0;
}
static void *create(const void *key, size_t size, void *context, int *error)
{
    (void)key;
    (void)size;
    (void)context;
    (void)error;
    return hapax_alloc(10);
}
static void call_cache(void)
{
    hapax_cache *cache = hapax_cache_new(create, NULL);
    right = cache != NULL && hapax_cache_get(cache, "x", 1, NULL) != NULL;
}
static void call_weak_map(void)
{
    hapax_weak_map *map = hapax_weak_map_new();
    right = map != NULL && hapax_weak_map_set(map, &fixed, &fixed) == 0 &&
            hapax_weak_map_get(map, &fixed) == &fixed && hapax_weak_map_remove(map, &fixed);
}
static void call_mapped_file_open(void)
{
    hapax_mapped_file *file = hapax_mapped_file_open("/proc/self/exe");
    right = file != NULL && hapax_mapped_file_bytes(file).size > 0;
}
static void call_mapped_file_open_shared(void)
{
    hapax_mapped_file *file = hapax_mapped_file_open_shared("/proc/self/exe");
    right = file != NULL && hapax_mapped_file_open_shared("/proc/self/exe") == file;
}
static void call_map_bytes(void)
{
    size_t size;
    right = hapax_map_bytes("/proc/self/exe", &size) != NULL && size > 0;
}
static void tick(void *unused)
{
    (void)unused;
}
static void call_worker(void)
{
    hapax_worker *worker = hapax_worker_start(&fixed, tick, NULL, 1000);
    right = worker != NULL;
    hapax_worker_stop(worker);
}
static void call_keep_alive(void)
{
    hapax_keep_alive(&fixed);
    right = true;
}
static void call_stats(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    right = stats.heap_bytes > 0 && stats.collections == 0;
}
static void call_version(void)
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

/* Whatever came first: from here on everything works. */

static hapax_weak weak[MANY];
static hapax_handle handles[MANY];

static void make_handle(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "some value %zu", i);
    weak[i] = hapax_weak_make(hapax_intern(text));
    if (i % 2)
        handles[i] = hapax_intern(text);
}

static int everything_works(void)
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
    CHECK(hapax_wait_cleanups(10000));
    return 0;
}

static void *call_in_thread(void *entry)
{
    ((const struct entry *)entry)->call();
    return NULL;
}

static int first_call(void *data)
{
    const struct entry *entry = data;
    call_in_thread(data);
    CHECK(right);
    CHECK(entry->is_idle || (GC_is_init_called() && GC_thread_is_registered()));
    return everything_works();
}

Test(start, from_any_function)
{
    for (size_t i = 0; i < ENTRIES; i++)
        cr_expect_eq(in_child(first_call, (void *)(uintptr_t)&entries[i]), 0, "%s", entries[i].name);
}

static int first_call_in_thread(void *entry)
{
    in_thread(call_in_thread, entry);
    CHECK(right);
    return everything_works();
}

Test(start, from_any_function_in_a_thread_that_ends_soon)
{
    for (size_t i = 0; i < ENTRIES; i++)
        /* That one starts the collector without us, and it is not for us to say what becomes of its thread. */
        if (entries[i].call != call_add_cleanup_to_collected)
            cr_expect_eq(in_child(first_call_in_thread, (void *)(uintptr_t)&entries[i]), 0, "%s",
                         entries[i].name);
}

/* Each makes its thread known, long after the library has started too. */

static hapax_weak some_weak;
static hapax_cleanup some_cleanup;

static void call_weak_value_of_some(void)
{
    hapax_weak_value(some_weak);
}
static void call_stop_some(void)
{
    hapax_cleanup_stop(some_cleanup);
}

static void *call_and_ask(void *entry)
{
    bool before = GC_thread_is_registered();
    call_in_thread(entry);
    return (void *)(uintptr_t)(!before && GC_thread_is_registered());
}

static int later_call_in_thread(void *data)
{
    const struct entry *entry = data;
    static void *object;
    CHECK(everything_works() == 0);
    object = hapax_alloc(20);
    some_weak = hapax_weak_make(object);
    CHECK(hapax_add_cleanup(object, nothing, NULL, &some_cleanup) == 0);
    for (int again = 0; again < 3; again++)
        CHECK(in_thread(call_and_ask, data) != NULL || entry->is_idle);
    return everything_works();
}

Test(start, each_function_makes_its_thread_known)
{
    static const struct entry others[] = {
        {"weak_value of something", call_weak_value_of_some, false},
        {"cleanup_stop of something", call_stop_some, false},
    };
    for (size_t i = 0; i < ENTRIES; i++)
        /* That one calls the collector itself, which wants to know the thread first. */
        if (entries[i].call != call_add_cleanup_to_collected)
            cr_expect_eq(in_child(later_call_in_thread, (void *)(uintptr_t)&entries[i]), 0, "%s", entries[i].name);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        cr_expect_eq(in_child(later_call_in_thread, (void *)(uintptr_t)&others[i]), 0, "%s", others[i].name);
}

/* ---- errno ---- */

static int weak_make_first(void *unused)
{
    (void)unused;
    errno = 77;
    CHECK(hapax_weak_make(&fixed) != NULL);
    CHECK(errno == 77);
    return 0;
}

static int weak_value_first(void *unused)
{
    (void)unused;
    errno = 77;
    CHECK(hapax_weak_value(NULL) == NULL);
    CHECK(hapax_weak_make(NULL) == NULL);
    CHECK(errno == 77);
    return 0;
}

Test(start, leaves_errno_alone)
{
    cr_assert_eq(in_child(weak_make_first, NULL), 0);
    cr_assert_eq(in_child(weak_value_first, NULL), 0);
}

/* ---- Beside the collector ---- */

static int after_the_collector(void *entry)
{
    GC_INIT();
    for (int i = 0; i < 1000; i++)
        GC_MALLOC(100);
    GC_gcollect();
    return first_call(entry);
}

static void call_intern_only(void)
{
    right = hapax_intern("x") != NULL;
}

Test(start, after_the_program_has_started_the_collector)
{
    static const struct entry entry = {"intern", call_intern_only};
    cr_assert_eq(in_child(after_the_collector, (void *)(uintptr_t)&entry), 0);
}

enum { STARTERS = 8 };
static pthread_barrier_t barrier;

static void *start_together(void *number)
{
    pthread_barrier_wait(&barrier);
    entries[(uintptr_t)number * 3].call();
    return hapax_intern("x") != NULL ? hapax_strings() : NULL;
}

static void *ask_for_strings_first(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&barrier);
    hapax_table *first = hapax_strings();
    return first == hapax_strings() ? first : NULL;
}

static int race_for_strings(void *unused)
{
    pthread_t threads[STARTERS];
    pthread_barrier_init(&barrier, NULL, STARTERS);
    for (uintptr_t i = 0; i < STARTERS; i++)
        CHECK(pthread_create(&threads[i], NULL, ask_for_strings_first, unused) == 0);
    for (size_t i = 0; i < STARTERS; i++) {
        void *strings;
        CHECK(pthread_join(threads[i], &strings) == 0);
        CHECK(strings == hapax_strings());
    }
    return 0;
}

static int race_to_start(void *unused)
{
    (void)unused;
    pthread_t threads[STARTERS];
    pthread_barrier_init(&barrier, NULL, STARTERS);
    for (uintptr_t i = 0; i < STARTERS; i++)
        CHECK(pthread_create(&threads[i], NULL, start_together, (void *)i) == 0);
    for (size_t i = 0; i < STARTERS; i++) {
        void *strings;
        CHECK(pthread_join(threads[i], &strings) == 0);
        CHECK(strings == hapax_strings());
    }
    return everything_works();
}

Test(start, in_several_threads_at_once)
{
    for (int round = 0; round < 30; round++)
        cr_assert(in_child(race_to_start, NULL) == 0 && in_child(race_for_strings, NULL) == 0);
}

/* ---- The thread that started it ---- */

static void *hold_on_its_stack(void *unused)
{
    void *held[100];
    for (size_t i = 0; i < 100; i++) {
        held[i] = hapax_alloc(32);
        weak[i] = hapax_weak_make(held[i]);
    }
    hapax_keep_alive(held);
    collect();
    (void)unused;
    size_t dead = count_dead(weak, 100);
    hapax_keep_alive(held);
    return (void *)dead;
}

static int starter_is_searched(void *unused)
{
    CHECK(in_thread(hold_on_its_stack, unused) == NULL);
    /* The main thread is like any other now. */
    CHECK(hold_on_its_stack(unused) == NULL);
    return everything_works();
}

Test(start, the_stack_of_the_first_thread_is_searched)
{
    cr_assert_eq(in_child(starter_is_searched, NULL), 0);
}

static sem_t started, go_on;

static void *start_deaf(void *unused)
{
    (void)unused;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    void *object = hapax_alloc(10);
    sem_post(&started);
    while (sem_wait(&go_on) != 0)
        ;
    return object;
}

static int starter_is_deaf(void *unused)
{
    pthread_t thread;
    sem_init(&started, 0, 0);
    sem_init(&go_on, 0, 0);
    CHECK(pthread_create(&thread, NULL, start_deaf, unused) == 0);
    sem_wait(&started);
    CHECK(everything_works() == 0);
    sem_post(&go_on);
    pthread_join(thread, NULL);
    return everything_works();
}

Test(start, in_a_thread_that_blocks_all_signals)
{
    cr_assert_eq(in_child(starter_is_deaf, NULL), 0);
}

static void *start_and_end(void *unused)
{
    (void)unused;
    return hapax_alloc(10);
}

/* A thread that the collector's own pthread_create has made known, and makes unknown. */
static void *use_and_end(void *unused)
{
    (void)unused;
    return hapax_alloc(10);
}

static int starters_identity_is_reused(void *unused)
{
    in_thread(start_and_end, unused);
    hapax_init();
    /* The system gives the names of threads that are gone to new ones. */
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        CHECK(GC_pthread_create(&thread, NULL, use_and_end, NULL) == 0);
        CHECK(GC_pthread_join(thread, NULL) == 0);
        collect();
    }
    return everything_works();
}

Test(start, a_later_thread_is_not_taken_for_the_first)
{
    cr_assert_eq(in_child(starters_identity_is_reused, NULL), 0);
}

static pthread_t main_thread;

static void *go_on_without_main(void *unused)
{
    (void)unused;
    pthread_join(main_thread, NULL);
    _exit(everything_works());
}

static int main_thread_ends(void *unused)
{
    (void)unused;
    pthread_t thread;
    main_thread = pthread_self();
    CHECK(hapax_init() == 0);
    CHECK(pthread_create(&thread, NULL, go_on_without_main, NULL) == 0);
    pthread_exit(NULL);
}

Test(start, the_main_thread_may_end_before_the_others)
{
    cr_assert_eq(in_child(main_thread_ends, NULL), 0);
}
