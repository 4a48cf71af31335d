/* SPDX-License-Identifier: MIT */
/* Threads that do everything at once, beside collections that never pause, and check at each step what the library
 * promises: the bytes of every handle held are right, no two live handles stand for one value, whatever is held is
 * found. Between rounds all threads end, and each table's trie and registry are walked.
 *
 *     stress [--seconds=5] [--threads=8] [--incremental] [--seed=N]
 *
 * One TAP line; the first mistake ends the program with a line that says which, and the seed. */
#include "config.h"

#include "stress.h"

#include "values/table.h"
#include "trie_check.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifndef GC_THREADS
#define GC_THREADS 1
#endif
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>

enum { MAX_THREADS = 64 };

static unsigned threads = 8;
static double seconds = 5;
static bool incremental;
uint64_t first_seed;

atomic_bool time_is_over;
atomic_count steps, resurrected, finalized;
atomic_count cleanups_added, cleanups_stopped, cleanups_ran, floods, tables_made, visits;

__attribute__((format(printf, 1, 2), noreturn)) void fail(const char *format, ...)
{
    static atomic_bool failed;
    if (atomic_exchange(&failed, true))
        pause();
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    struct hapax_stats stats;
    hapax_stats(&stats);
    printf("not ok 1 - stress: %s (seed %llu, step %llu, collection %llu)\n", text, (unsigned long long)first_seed,
           (unsigned long long)load_relaxed(&steps), (unsigned long long)stats.collections);
    fflush(stdout);
    _exit(1);
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Collects without end, one way and another. */
static void *collect(void *unused)
{
    chance = first_seed + 4711;
    if (hapax_init() != 0)
        fail("hapax_init in a thread");
    while (!load_relaxed(&time_is_over)) {
        if (dice(4) == 0)
            hapax_collect();
        else if (incremental && dice(2) == 0)
            while (GC_collect_a_little() != 0 && !load_relaxed(&time_is_over))
                ;
        else
            GC_gcollect();
        usleep(dice(6000));
    }
    return unused;
}

static void run_round(double until, unsigned round)
{
    pthread_t workers[MAX_THREADS], collector;
    store_relaxed(&time_is_over, false);
    for (uintptr_t i = 0; i < threads; i++)
        if (pthread_create(&workers[i], NULL, work, (void *)(round * MAX_THREADS + i)) != 0)
            fail("no thread");
    if (pthread_create(&collector, NULL, collect, NULL) != 0)
        fail("no thread");
    while (now() < until)
        usleep(20000);
    store_relaxed(&time_is_over, true);
    for (unsigned i = 0; i < threads; i++)
        pthread_join(workers[i], NULL);
    pthread_join(collector, NULL);
}

/* Nobody works now: walks every table. */
static void walk_tables(void)
{
    if (hapax_set_cleanup_threads(0) != 0)
        fail("the cleanup threads do not end");
    hapax_collect();
    GC_disable();
    for (unsigned i = 0; i < SUBJECTS; i++) {
        struct subject *subject = load_acquire(&subjects[i]);
        struct trie_walk walk;
        const char *error = trie_check_registry(&subject->table->set.trie, subject->table->set.registry, &walk);
        if (error != NULL)
            fail("a table of kind %d: %s", (int)subject->kind, error);
        if (walk.alone != 0)
            fail("a table of kind %d: %llu objects are in the registry only", (int)subject->kind,
                 (unsigned long long)walk.alone);
        if (walk.tentative != 0)
            fail("a table of kind %d: a word was not settled", (int)subject->kind);
    }
    GC_enable();
    if (hapax_set_cleanup_threads(dice(4)) != 0)
        fail("no cleanup threads");
}

static void parse(int count, char **arguments)
{
    first_seed = (uint64_t)time(NULL) ^ (uint64_t)getpid() << 32;
    for (int i = 1; i < count; i++) {
        const char *argument = arguments[i];
        if (strncmp(argument, "--seconds=", 10) == 0) {
            seconds = atof(argument + 10);
        } else if (strncmp(argument, "--threads=", 10) == 0) {
            threads = (unsigned)atoi(argument + 10);
        } else if (strncmp(argument, "--seed=", 7) == 0) {
            first_seed = strtoull(argument + 7, NULL, 0);
        } else if (strcmp(argument, "--incremental") == 0) {
            incremental = true;
        } else {
            fprintf(stderr, "usage: stress [--seconds=S] [--threads=N] [--incremental] [--seed=N]\n");
            exit(2);
        }
    }
    if (threads < 1 || threads > MAX_THREADS) {
        fprintf(stderr, "stress: between 1 and %d threads\n", MAX_THREADS);
        exit(2);
    }
    if (first_seed == 0)
        first_seed = 1;
}

int main(int count, char **arguments)
{
    parse(count, arguments);
    chance = first_seed;
    GC_INIT();
    if (incremental) {
        GC_enable_incremental();
        /* No pause is short enough to mark everything at once. */
        GC_set_time_limit(0);
    }
    if (hapax_init() != 0)
        fail("hapax_init");
    for (unsigned i = 0; i < SUBJECTS; i++)
        store_release(&subjects[i], new_subject(kinds[i]));
    puts("1..1");
    fflush(stdout);
    double end = now() + seconds;
    for (unsigned round = 0; now() < end; round++) {
        double until = now() + 1;
        run_round(until < end ? until : end, round);
        walk_tables();
    }
    struct hapax_stats stats;
    hapax_stats(&stats);
    printf("ok 1 - stress%s: %u threads, %llu steps, %llu collections, %llu resurrections, %llu cleanups of %llu ran, "
           "%llu stopped, %llu finalizers, %llu tables, %llu floods, %llu iterations\n",
           incremental ? ", incremental" : "", threads, (unsigned long long)load_relaxed(&steps),
           (unsigned long long)stats.collections, (unsigned long long)load_relaxed(&resurrected),
           (unsigned long long)load_relaxed(&cleanups_ran), (unsigned long long)load_relaxed(&cleanups_added),
           (unsigned long long)load_relaxed(&cleanups_stopped), (unsigned long long)load_relaxed(&finalized),
           (unsigned long long)load_relaxed(&tables_made),
           (unsigned long long)load_relaxed(&floods), (unsigned long long)load_relaxed(&visits));
    return 0;
}
