/* SPDX-License-Identifier: MIT */
/* The figures from which scaling.md derives how many cores and values would fare, where few cores can show them:

   refill    what bdwgc does under its lock for a run of free objects
   stop      a collection of a nearly empty heap, beside so many threads that wait
   pause     the library's own part of a collection, while all threads stand still, for one value: all held, all dead
   beside    hits in a full table, while another thread does nothing, or inserts new values into the same table

   bench/counts builds and runs it with --probe. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define GC_THREADS 1
#define GC_NO_THREAD_REDIRECTS 1
#include <gc/gc.h>
#include <gc/gc_inline.h>

#include <hapax.h>

#include "harness.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 7, SIZE = 48, REFILLS = 20000, KEYS = 100000, PASSES = 20, FRESH = 8000000, VALUES = 500000 };

static void must(bool success, const char *what)
{
    if (!success) {
        perror(what);
        exit(2);
    }
}

/* Of this thread: others on the machine count for little. */
static double thread_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void measure_refill(void)
{
    double times[ROUNDS];
    size_t objects = 0;
    for (int round = 0; round < ROUNDS; ++round) {
        GC_disable();
        objects = 0;
        double began = thread_ns();
        for (int i = 0; i < REFILLS / ROUNDS; ++i) {
            void *run;
            GC_generic_malloc_many(SIZE, 0, &run);
            for (; run != NULL; run = *(void **)run)
                ++objects;
        }
        times[round] = (thread_ns() - began) / (REFILLS / ROUNDS);
        GC_enable();
        GC_gcollect();
    }
    double refill = bench_median(times, ROUNDS);
    bench_begin("bdwgc", "refill");
    bench_number("ns", refill);
    bench_number("objects", (double)objects / (REFILLS / ROUNDS));
    bench_end();
}

static sem_t ready, stay;

static void *wait_known(void *unused)
{
    must(hapax_init() == 0 && hapax_search_malloc(false) == 0, "hapax_init");
    sem_post(&ready);
    while (sem_wait(&stay) != 0)
        ;
    return unused;
}

static void measure_stop(unsigned threads)
{
    pthread_t ids[64];
    double times[4 * ROUNDS];
    for (unsigned i = 0; i < threads; ++i)
        must(pthread_create(&ids[i], NULL, wait_known, NULL) == 0, "pthread_create");
    for (unsigned i = 0; i < threads; ++i)
        while (sem_wait(&ready) != 0)
            ;
    for (int i = 0; i < 4 * ROUNDS; ++i) {
        double began = bench_now();
        GC_gcollect();
        times[i] = bench_now() - began;
    }
    for (unsigned i = 0; i < threads; ++i)
        sem_post(&stay);
    for (unsigned i = 0; i < threads; ++i)
        pthread_join(ids[i], NULL);
    bench_begin("bdwgc", "stop");
    bench_whole("threads", threads);
    bench_number("collection_us", bench_median(times, 4 * ROUNDS) / 1e3);
    bench_end();
}

static atomic_bool enough;

static hapax_table *table;
static hapax_handle *kept, *fresh_kept;
static char keys[KEYS][16];

static void measure_pause(const char *what)
{
    struct hapax_stats stats;
    hapax_collect();
    hapax_stats(&stats);
    bench_begin("hapax", "pause");
    bench_text("values", what);
    bench_number("ns_per_value", (double)stats.last_pause_ns / VALUES);
    bench_end();
}

static void measure_pauses(void)
{
    struct bench_fresh fresh;
    bench_fresh_start(&fresh, 2);
    for (size_t i = 0; i < VALUES; ++i) {
        bench_fresh_next(&fresh);
        fresh_kept[i] = hapax_make_handle(table, fresh.text, BENCH_FRESH_SIZE);
    }
    measure_pause("held");
    for (size_t i = 0; i < VALUES; ++i)
        fresh_kept[i] = NULL;
    measure_pause("dead");
}

static void *insert_beside(void *unused)
{
    must(hapax_init() == 0 && hapax_search_malloc(false) == 0, "hapax_init");
    struct bench_fresh fresh;
    bench_fresh_start(&fresh, 1);
    for (size_t i = 0; i < FRESH && !atomic_load(&enough); ++i) {
        bench_fresh_next(&fresh);
        fresh_kept[i] = hapax_make_handle(table, fresh.text, BENCH_FRESH_SIZE);
    }
    return unused;
}

static void *idle_beside(void *unused)
{
    while (!atomic_load(&enough))
        ;
    return unused;
}

static void measure_beside(const char *what, void *(*beside)(void *))
{
    pthread_t id;
    atomic_store(&enough, false);
    must(pthread_create(&id, NULL, beside, NULL) == 0, "pthread_create");
    uintptr_t sum = 0;
    double began = thread_ns();
    for (int pass = 0; pass < PASSES; ++pass)
        for (size_t i = 0; i < KEYS; ++i)
            sum += (uintptr_t)hapax_make_handle(table, keys[i], sizeof keys[i]);
    double took = thread_ns() - began;
    atomic_store(&enough, true);
    pthread_join(id, NULL);
    if (sum == 0)
        exit(2);
    bench_begin("hapax", "beside");
    bench_text("other_thread", what);
    bench_number("hit_ns", took / PASSES / KEYS);
    bench_end();
}

int main(void)
{
    must(hapax_init() == 0 && hapax_search_malloc(false) == 0 && sem_init(&ready, 0, 0) == 0 &&
             sem_init(&stay, 0, 0) == 0,
         "start");
    measure_refill();
    measure_stop(0);
    measure_stop(16);
    measure_stop(64);

    table = hapax_table_new(NULL, 0);
    kept = hapax_alloc(KEYS * sizeof *kept);
    fresh_kept = hapax_alloc(FRESH * sizeof *fresh_kept);
    must(table != NULL && kept != NULL && fresh_kept != NULL, "hapax_alloc");
    for (int i = 0; i < 3; ++i)
        measure_pauses();
    for (size_t i = 0; i < KEYS; ++i) {
        snprintf(keys[i], sizeof keys[i], "key %zu", i);
        kept[i] = hapax_make_handle(table, keys[i], sizeof keys[i]);
    }
    for (int i = 0; i < 3; ++i)
        measure_beside("nothing", idle_beside);
    for (int i = 0; i < 3; ++i)
        measure_beside("inserts", insert_beside);
    return bench_status();
}
