/* The queue of cleanups, and who empties it. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    WAIT = 10000,           /* milliseconds: long enough never to matter */
    FOR_EVER = 1000000,     /* longer than the suite waits for a test */
};
#ifdef HAPAX_HARD_TESTS
enum { SCALE = 200 };   /* collections come all the time there */
#else
enum { SCALE = 1 };
#endif

static hapax_cleanup names[MANY];
static atomic_size_t ran;

static void start(void)
{
    cr_assert_eq(hapax_init(), 0);
}

TestSuite(queue, .init = start, .timeout = 60);

static void must(int result)
{
    if (result != 0)
        abort();
}

static void count_run(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ran, 1);
}

static void make_counted(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), count_run, NULL, &names[i]));
}

static uint64_t oldest_ns(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.oldest_queued_ns;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t queued(void)
{
    struct hapax_stats stats;
    hapax_stats(&stats);
    return stats.cleanups_queued;
}

/* Queues about MANY of them. */
static size_t queue_many(void)
{
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, make_counted);
    collect();
    cr_assert_geq(queued(), MOST);
    return queued();
}

/* Queues `n` calls of the function, exactly: their objects are of a kind that most of which die, so more are made and
 * the function counts. */
static void (*wanted)(void *);
static void make_wanted(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc(32), wanted, NULL, NULL));
}

static void queue_calls(size_t n, void (*function)(void *))
{
    wanted = function;
    make_each(n, make_wanted);
    collect();
}

/* ---- By hand ---- */

Test(queue, nothing_runs_with_no_threads)
{
    queue_many();
    collect();
    cr_assert_eq(atomic_load(&ran), 0);
}

Test(queue, run_cleanups_runs_all_and_counts_them)
{
    size_t n = queue_many();
    cr_assert_eq(hapax_run_cleanups(), n);
    cr_assert_eq(atomic_load(&ran), n);
    cr_assert_eq(hapax_run_cleanups(), 0);
    cr_assert_eq(queued(), 0);
}

static void queue_more(void *unused)
{
    (void)unused;
    count_run(NULL);
    if (atomic_load(&ran) == 1) {
        make_each(MANY, make_counted);
        collect();
    }
}

Test(queue, run_cleanups_runs_what_is_queued_meanwhile)
{
    must(hapax_set_cleanup_threads(0));
    queue_calls(10, queue_more);
    cr_assert_geq(hapax_run_cleanups(), MOST);
    cr_assert_eq(queued(), 0);
}

static atomic_size_t ran_inside;

static void run_others(void *unused)
{
    (void)unused;
    atomic_fetch_add(&ran_inside, hapax_run_cleanups());
}

Test(queue, run_cleanups_inside_a_cleanup)
{
    must(hapax_set_cleanup_threads(0));
    queue_calls(10, run_others);
    size_t outer = queued();
    make_each(MANY, make_counted);
    collect();
    size_t all = queued();
    cr_assert_gt(all, outer);
    /* Each is counted by every call that it ran under, directly or not: only the first call is exact. */
    cr_assert_leq(hapax_run_cleanups(), all);
    cr_assert_eq(queued(), 0);
    cr_assert_geq(atomic_load(&ran), MOST);
}

static size_t order[MANY];

static void note_order(void *number)
{
    order[atomic_fetch_add(&ran, 1)] = (uintptr_t)number;
}

static void make_noted(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), note_order, (void *)(i + 1), &names[i]));
}

Test(queue, what_was_stopped_in_the_queue_does_not_run)
{
    must(hapax_set_cleanup_threads(0));
    make_each(MANY, make_noted);
    collect();
    size_t n = queued();
    for (size_t i = 0; i < MANY; i += 2)
        hapax_cleanup_stop(names[i]);
    cr_assert_leq(queued(), n - MOST / 2);
    size_t left = queued();
    cr_assert_eq(hapax_run_cleanups(), left);
    for (size_t i = 0; i < left; i++)
        cr_assert_eq(order[i] % 2, 0);
    cr_assert(hapax_wait_cleanups(0));
}

/* Draining in several threads at once: each runs once. */
static void *drain(void *unused)
{
    (void)unused;
    return (void *)hapax_run_cleanups();
}

Test(queue, several_threads_may_drain)
{
    size_t n = queue_many(), drained = 0;
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, drain, NULL));
    for (size_t i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        drained += (size_t)result;
    }
    cr_assert_eq(drained, n);
    cr_assert_eq(atomic_load(&ran), n);
}

/* ---- By threads ---- */

Test(queue, one_thread_by_default)
{
    make_each(MANY, make_counted);
    collect();
    cr_assert(hapax_wait_cleanups(WAIT));
    cr_assert_geq(atomic_load(&ran), MOST);
}

Test(queue, a_thread_takes_up_what_was_queued_without_one)
{
    size_t n = queue_many();
    must(hapax_set_cleanup_threads(1));
    cr_assert(hapax_wait_cleanups(WAIT));
    cr_assert_eq(atomic_load(&ran), n);
}

enum { PARALLEL = 4 };
static atomic_size_t inside, most_inside;
static sem_t arrived, go_on;

/* Returns when so many are inside at the same time. */
static void meet(void *unused)
{
    (void)unused;
    size_t now = atomic_fetch_add(&inside, 1) + 1, most = atomic_load(&most_inside);
    while (now > most && !atomic_compare_exchange_weak(&most_inside, &most, now))
        ;
    sem_post(&arrived);
    sem_wait(&go_on);
    atomic_fetch_sub(&inside, 1);
    atomic_fetch_add(&ran, 1);
}

Test(queue, several_run_in_parallel)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    must(hapax_set_cleanup_threads(PARALLEL));
    queue_calls(10 * PARALLEL, meet);
    for (int i = 0; i < PARALLEL; i++)
        sem_wait(&arrived);
    cr_assert_eq(atomic_load(&inside), PARALLEL);
    for (int i = 0; i < 10 * PARALLEL; i++)
        sem_post(&go_on);
    cr_assert(hapax_wait_cleanups(WAIT));
    cr_assert_eq(atomic_load(&most_inside), PARALLEL);
}

static void *set_threads(void *n)
{
    return (void *)(intptr_t)hapax_set_cleanup_threads((unsigned)(uintptr_t)n);
}

Test(queue, fewer_threads_returns_when_those_taken_away_are_idle)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    must(hapax_set_cleanup_threads(PARALLEL));
    queue_calls(10 * PARALLEL, meet);
    for (int i = 0; i < PARALLEL; i++)
        sem_wait(&arrived);
    pthread_t setter;
    must(pthread_create(&setter, NULL, set_threads, (void *)0));
    /* All four are inside: it waits until the last is out, for as long as that takes. */
    void *result;
    for (int again = 0; again < 20; again++) {
        usleep(1000);
        cr_assert_eq(pthread_tryjoin_np(setter, &result), EBUSY);
    }
    do
        sem_post(&go_on);
    while (usleep(100), pthread_tryjoin_np(setter, &result) == EBUSY);
    cr_assert_eq((intptr_t)result, 0);
    cr_assert_eq(atomic_load(&inside), 0);
    size_t before = atomic_load(&ran);
    cr_assert_geq(before, PARALLEL);
    for (int i = 0; i < 10 * PARALLEL; i++)
        sem_post(&go_on);
    cr_assert_not(hapax_wait_cleanups(20), "nobody is left to run them");
    cr_assert_eq(atomic_load(&ran), before);
}

static void take_all_away(void *unused)
{
    (void)unused;
    if (hapax_set_cleanup_threads(0) != 0)
        abort();
    count_run(NULL);
    sem_post(&arrived);
}

Test(queue, a_cleanup_may_take_its_own_thread_away)
{
    sem_init(&arrived, 0, 0);
    queue_calls(20, take_all_away);
    sem_wait(&arrived);
    /* A second caller waits for that thread to be gone. */
    must(hapax_set_cleanup_threads(0));
    size_t before = atomic_load(&ran);
    cr_assert_eq(before, 1);
    cr_assert_not(hapax_wait_cleanups(20));
    cr_assert_eq(atomic_load(&ran), before);
    cr_assert_geq(hapax_run_cleanups(), 10);
}

static pthread_barrier_t two;

static void take_all_away_together(void *unused)
{
    if (atomic_fetch_add(&inside, 1) < 2) {
        pthread_barrier_wait(&two);
        take_all_away(unused);
    }
}

Test(queue, two_cleanups_may_take_their_threads_away_at_once)
{
    sem_init(&arrived, 0, 0);
    pthread_barrier_init(&two, NULL, 2);
    must(hapax_set_cleanup_threads(2));
    queue_calls(20, take_all_away_together);
    sem_wait(&arrived);
    sem_wait(&arrived);
    must(hapax_set_cleanup_threads(0));
    cr_assert_eq(atomic_load(&ran), 2);
}

Test(queue, threads_come_and_go)
{
    for (unsigned round = 0; round < 30; round++) {
        must(hapax_set_cleanup_threads(round * 7 % 5));
        make_each(20, make_counted);
        collect();
    }
    must(hapax_set_cleanup_threads(2));
    cr_assert(hapax_wait_cleanups(WAIT));
    cr_assert_eq(queued(), 0);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_run, atomic_load(&ran));
}

/* ---- Waiting ---- */

static atomic_bool all_turned;

static void *want_a_thread(void *unused)
{
    while (!atomic_load(&all_turned))
        must(hapax_set_cleanup_threads(1));
    return unused;
}

/* Who waits for threads to go away waits no longer once they are wanted again. */
Test(queue, threads_are_taken_away_while_others_want_them)
{
    pthread_t other;
    cr_assert_eq(pthread_create(&other, NULL, want_a_thread, NULL), 0);
    for (time_t end = time(NULL) + 2; time(NULL) < end;)
        must(hapax_set_cleanup_threads(0));
    atomic_store(&all_turned, true);
    cr_assert_eq(pthread_join(other, NULL), 0);
}

Test(queue, wait_is_false_where_nobody_runs_them)
{
    queue_many();
    cr_assert_not(hapax_wait_cleanups(0));
    cr_assert_not(hapax_wait_cleanups(20));
    hapax_run_cleanups();
    cr_assert(hapax_wait_cleanups(0));
}

Test(queue, wait_is_true_where_nothing_is_queued)
{
    cr_assert(hapax_wait_cleanups(0));
    must(hapax_set_cleanup_threads(0));
    cr_assert(hapax_wait_cleanups(0));
    make_counted(0);
    cr_assert(hapax_wait_cleanups(0));
}

Test(queue, wait_ends_when_another_thread_has_drained)
{
    size_t n = queue_many();
    pthread_t thread;
    must(pthread_create(&thread, NULL, drain, NULL));
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    cr_assert_eq(atomic_load(&ran), n);
    pthread_join(thread, NULL);
}

static void *stop_all(void *unused)
{
    (void)unused;
    for (size_t i = 0; i < MANY; i++)
        hapax_cleanup_stop(names[i]);
    return NULL;
}

Test(queue, wait_ends_when_the_queued_are_stopped)
{
    queue_many();
    pthread_t thread;
    must(pthread_create(&thread, NULL, stop_all, NULL));
    cr_assert(hapax_wait_cleanups(FOR_EVER));
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&ran), 0);
    cr_assert_eq(queued(), 0);
    cr_assert_eq(hapax_run_cleanups(), 0);
}

Test(queue, wait_waits_for_what_is_running)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    queue_calls(10, meet);
    sem_wait(&arrived);
    for (size_t left = queued(); left > 0; left--)
        sem_post(&go_on);
    /* One is inside for as long as it is not told to go on. */
    while (queued() > 0)
        sem_wait(&arrived);
    cr_assert_not(hapax_wait_cleanups(20));
    sem_post(&go_on);
    cr_assert(hapax_wait_cleanups(WAIT));
}

static atomic_bool waited_well;

static void wait_inside(void *unused)
{
    (void)unused;
    /* Everything else that was queued before is done, or was queued by then and is nobody else's. */
    if (atomic_fetch_add(&ran, 1) + 1 == atomic_load(&most_inside))
        atomic_store(&waited_well, hapax_wait_cleanups(WAIT));
}

Test(queue, wait_inside_a_cleanup_does_not_wait_for_its_caller)
{
    must(hapax_set_cleanup_threads(0));
    queue_calls(10, wait_inside);
    atomic_store(&most_inside, queued());
    hapax_run_cleanups();
    cr_assert(atomic_load(&waited_well), "by hand");

    atomic_store(&waited_well, false);
    atomic_store(&ran, 0);
    queue_calls(10, wait_inside);
    atomic_store(&most_inside, queued());
    must(hapax_set_cleanup_threads(1));
    cr_assert(hapax_wait_cleanups(WAIT));
    cr_assert(atomic_load(&waited_well), "in the library's thread");
}

static atomic_int waiter;

static void *wait_for_what_was_queued(void *unused)
{
    (void)unused;
    hapax_init();
    atomic_store(&waiter, gettid());
    return (void *)(uintptr_t)hapax_wait_cleanups(WAIT);
}

/* Whether the thread sleeps. */
static bool sleeps(int thread)
{
    char path[64], line[512] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        abort();
    fclose(file);
    const char *state = strrchr(line, ')');
    return state != NULL && state[2] == 'S';
}

Test(queue, wait_does_not_wait_for_what_comes_later)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    queue_calls(20, meet);
    sem_wait(&arrived);
    size_t before = 1 + queued();
    pthread_t thread;
    must(pthread_create(&thread, NULL, wait_for_what_was_queued, NULL));
    while (atomic_load(&waiter) == 0 || !sleeps(atomic_load(&waiter)))
        usleep(100);
    queue_calls(20, meet);
    cr_assert_geq(queued(), before);
    for (size_t i = 0; i < before; i++)
        sem_post(&go_on);
    /* The next one is inside by now, and stays there. */
    void *result;
    pthread_join(thread, &result);
    cr_assert_not_null(result);
    cr_assert_eq(atomic_load(&ran), before);
    cr_assert_not(hapax_wait_cleanups(0));
}

static void *wait_in_thread(void *milliseconds)
{
    return (void *)(uintptr_t)hapax_wait_cleanups((unsigned)(uintptr_t)milliseconds);
}

static sem_t may_end;

static void run_until_told(void *unused)
{
    (void)unused;
    while (sem_wait(&may_end) != 0)
        ;
}

static void make_slow(size_t i)
{
    (void)i;
    must(hapax_add_cleanup(hapax_alloc(32), run_until_told, NULL, NULL));
}

static void *wait_for_all(void *waits)
{
    atomic_store((atomic_bool *)waits, true);
    (void)hapax_wait_cleanups(WAIT);
    return NULL;
}

Test(queue, a_thread_that_is_cancelled_while_it_waits_leaves_nothing_locked)
{
    cr_assert_eq(sem_init(&may_end, 0, 0), 0);
    make_each(MANY, make_slow);
    collect();
    atomic_bool waits = false;
    pthread_t waiter;
    cr_assert_eq(pthread_create(&waiter, NULL, wait_for_all, &waits), 0);
    while (!atomic_load(&waits))
        usleep(1000);
    usleep(20000);
    cr_assert_eq(pthread_cancel(waiter), 0);
    for (unsigned i = 0; i < MANY; i++)
        sem_post(&may_end);
    cr_assert_eq(pthread_join(waiter, NULL), 0);
    cr_assert(hapax_wait_cleanups(WAIT));
}

Test(queue, wait_from_several_threads)
{
    pthread_t threads[4];
    queue_many();
    for (size_t i = 0; i < 4; i++)
        must(pthread_create(&threads[i], NULL, wait_in_thread, (void *)(uintptr_t)WAIT));
    must(hapax_set_cleanup_threads(3));
    for (size_t i = 0; i < 4; i++) {
        void *result;
        pthread_join(threads[i], &result);
        cr_assert_not_null(result);
    }
    cr_assert_eq(queued(), 0);
}

/* ---- Stopping ---- */

static void be_stopped(void *number)
{
    sem_post(&arrived);
    sem_wait(&go_on);
    hapax_cleanup_stop(names[(uintptr_t)number]);
    atomic_fetch_add(&ran, 1);
}

static void make_to_be_stopped(size_t i)
{
    must(hapax_add_cleanup(hapax_alloc(32), be_stopped, (void *)(uintptr_t)i, &names[i]));
}

Test(queue, stop_never_waits_for_what_runs)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    make_each(20, make_to_be_stopped);
    collect();
    sem_wait(&arrived);
    /* One runs, and goes on; the others are queued, and never begin. */
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < 20; i++)
            hapax_cleanup_stop(names[i]);
    cr_assert_eq(queued(), 0);
    cr_assert_eq(atomic_load(&ran), 0);
    sem_post(&go_on);
    cr_assert(hapax_wait_cleanups(WAIT));
    cr_assert_eq(atomic_load(&ran), 1);
    for (size_t i = 0; i < 20; i++)
        hapax_cleanup_stop(names[i]);
}

/* ---- What is not in it ---- */

static void make_handle(size_t i)
{
    char text[40];
    snprintf(text, sizeof text, "evicted %zu", i);
    hapax_intern(text);
}

Test(queue, evictions_are_no_cleanups)
{
    must(hapax_set_cleanup_threads(0));
    struct hapax_table_stats before, after;
    hapax_table_stats(hapax_strings(), &before);
    make_each(MANY, make_handle);
    collect();
    cr_assert_eq(queued(), 0);
    cr_assert(hapax_wait_cleanups(0));
    cr_assert_eq(hapax_run_cleanups(), 0);
    /* They have happened all the same. */
    hapax_table_stats(hapax_strings(), &after);
    cr_assert_geq(after.evicted, before.evicted + MOST);
    cr_assert_leq(after.live, before.live + FEW);
    struct hapax_stats stats;
    hapax_stats(&stats);
    cr_assert_eq(stats.cleanups_run, 0);
    cr_assert_eq(stats.cleanups_pending, 0);
}

/* A table that has become too large for what lives in it is taken together by whoever collects, too. */
Test(queue, tables_shrink_without_threads)
{
    enum { VALUES = 200000 / SCALE };
    must(hapax_set_cleanup_threads(0));
    struct hapax_table_stats full, empty;
    for (int again = 0; again < 2; again++) {
        hapax_handle *handles = hapax_alloc(VALUES * sizeof *handles);
        for (size_t i = 0; i < VALUES; i++) {
            char text[40];
            snprintf(text, sizeof text, "large table %zu", i);
            handles[i] = hapax_intern(text);
        }
        hapax_table_stats(hapax_strings(), &full);
        memset(handles, 0, VALUES * sizeof *handles);
        collect();
        hapax_table_stats(hapax_strings(), &empty);
        cr_assert_lt(empty.live, full.live / 4);
        if (SCALE == 1) {
            cr_assert_lt(empty.slots, full.slots / 4);
            cr_assert_lt(empty.overhead_bytes, full.overhead_bytes / 4);
        }
    }
    cr_assert_eq(hapax_run_cleanups(), 0);
}

enum { INSERTERS = 3, INSERTS = 400000 / SCALE };

static void *insert_and_forget(void *number)
{
    for (size_t i = 0; i < INSERTS; i++) {
        char text[60];
        snprintf(text, sizeof text, "value %zu of inserter %zu", i, (size_t)number);
        if (hapax_intern(text) == NULL)
            abort();
    }
    return NULL;
}

/* Values whose memory would be some 100 MB together, and more than that with their places in the table. */
static void insert_very_many(void)
{
    pthread_t threads[INSERTERS];
    for (uintptr_t i = 0; i < INSERTERS; i++)
        must(pthread_create(&threads[i], NULL, insert_and_forget, (void *)i));
    for (size_t i = 0; i < INSERTERS; i++)
        pthread_join(threads[i], NULL);
    struct hapax_stats stats;
    struct hapax_table_stats table;
    hapax_stats(&stats);
    hapax_table_stats(hapax_strings(), &table);
    cr_assert_gt(stats.collections, 0);
    cr_assert_leq(stats.heap_bytes, 32 << 20);
    cr_assert_leq(table.overhead_bytes, 8 << 20);
}

Test(queue, inserts_beside_a_cleanup_that_does_not_end_need_no_more_memory)
{
    sem_init(&arrived, 0, 0);
    sem_init(&go_on, 0, 0);
    uint64_t start = now_ns();
    queue_calls(20, meet);
    sem_wait(&arrived);
    insert_very_many();
    cr_assert_eq(atomic_load(&ran), 0);
    /* What waits behind it shows, with an age that is not beyond this test's own. */
    cr_assert_geq(queued(), 10);
    uint64_t age = oldest_ns();
    usleep(2000);
    cr_assert_geq(oldest_ns(), age + 2000000);
    cr_assert_leq(oldest_ns(), now_ns() - start);
}

Test(queue, inserts_without_threads_need_no_more_memory)
{
    must(hapax_set_cleanup_threads(0));
    insert_very_many();
}

/* ---- The threads themselves ---- */

static atomic_int signal_taken;

static void note_signal(int number)
{
    atomic_store(&signal_taken, number);
}

static void check_signals(void *unused)
{
    (void)unused;
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    if (sigismember(&blocked, SIGUSR1) && sigismember(&blocked, SIGALRM) && sigismember(&blocked, SIGINT))
        atomic_fetch_add(&ran, 1);
}

Test(queue, the_programs_signals_stay_with_its_threads)
{
    signal(SIGUSR1, note_signal);
    queue_calls(20, check_signals);
    cr_assert(hapax_wait_cleanups(WAIT));
    cr_assert_geq(atomic_load(&ran), 10);
    kill(getpid(), SIGUSR1);
    cr_assert_eq(atomic_load(&signal_taken), SIGUSR1);
}

Test(queue, many_generations_need_no_more_memory)
{
    /* Records are used again. */
    struct hapax_stats stats;
    uint64_t heap = 0;
    for (int round = 0; round < 100; round++) {
        make_each(MANY, make_counted);
        collect();
        cr_assert(hapax_wait_cleanups(WAIT));
        hapax_stats(&stats);
        if (round == 10)
            heap = stats.heap_bytes;
    }
    cr_assert_leq(stats.heap_bytes, heap + (1 << 20));
    cr_assert_geq(atomic_load(&ran), 100 * MOST);
}
