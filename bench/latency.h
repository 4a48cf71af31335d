/* SPDX-License-Identifier: MIT */
/* W11: one thread interns without end beside many values that are held. Nine
   operations in ten find one of these, one makes a new value that is dropped at
   once. Each operation is timed by itself, and the measuring allocates nothing.

   A template: a program defines PEER_NAME, peer_start(n), peer_keep(slot, data,
   size) and peer_touch(data, size) as peer.h describes them, and may define

     PEER_STOPS    the program runs on bdwgc and is linked with stops.c: the line
                   says how long the collector stopped the threads.

   The text of a value is written before its clock starts, so a hit's time has no
   cache miss for the text. What reading the clock takes is subtracted. */

#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "harness.h"
#include "histogram.h"

#ifdef PEER_STOPS
#include "stops.h"
#endif

#include <stdio.h>
#include <string.h>
#include <time.h>

static struct histogram latency_hits, latency_new;

static inline uint64_t latency_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}

/* The median of many empty measurements. */
static uint64_t latency_clock_cost(void)
{
    enum { READS = 100000 };
    struct histogram *empty = &latency_hits;
    memset(empty, 0, sizeof *empty);
    for (size_t i = 0; i < READS; ++i) {
        uint64_t began = latency_now();
        histogram_record(empty, latency_now() - began);
    }
    uint64_t cost = histogram_quantile(empty, 0.5);
    memset(empty, 0, sizeof *empty);
    return cost;
}

static void latency_held_text(char *text, uint64_t number)
{
    memcpy(text, "held", 4);
    for (char *digit = text + BENCH_FRESH_SIZE - 1; digit >= text + 4; --digit, number /= 10)
        *digit = (char)('0' + number % 10);
}

static inline uint64_t latency_random(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static uintptr_t latency_loop(size_t held, double ns, uint64_t clock_cost, uint64_t *random, struct bench_fresh *fresh)
{
    uintptr_t sum = 0;
    char text[BENCH_FRESH_SIZE];
    uint64_t end = latency_now() + (uint64_t)ns, began, ended;
    do {
        for (unsigned i = 0; i < 9; ++i) {
            latency_held_text(text, latency_random(random) % held);
            began = latency_now();
            sum += peer_touch(text, sizeof text);
            ended = latency_now();
            histogram_record(&latency_hits, ended - began > clock_cost ? ended - began - clock_cost : 0);
        }
        bench_fresh_next(fresh);
        began = latency_now();
        sum += peer_touch(fresh->text, BENCH_FRESH_SIZE);
        ended = latency_now();
        histogram_record(&latency_new, ended - began > clock_cost ? ended - began - clock_cost : 0);
    } while (ended < end);
    return sum;
}

static void latency_line(const char *what, const struct histogram *histogram, size_t held, uint64_t clock_cost)
{
    bench_begin(PEER_NAME, "W11");
    bench_text("variant", what);
    bench_whole("held", held);
    bench_whole("operations", histogram->total);
    bench_whole("clock_ns", clock_cost);
    bench_whole("p50_ns", histogram_quantile(histogram, 0.5));
    bench_whole("p99_ns", histogram_quantile(histogram, 0.99));
    bench_whole("p999_ns", histogram_quantile(histogram, 0.999));
    bench_whole("p9999_ns", histogram_quantile(histogram, 0.9999));
    bench_whole("longest_ns", histogram->longest);
    bench_end();
}

/* A fifth of the time warms up and is not counted. */
static void latency_run(size_t held, double seconds)
{
    static volatile uintptr_t sink;
    struct bench_fresh fresh;
    char text[BENCH_FRESH_SIZE];
    uint64_t random = 1;
    bench_fresh_start(&fresh, 0);
    peer_start(held);
#ifdef PEER_STOPS
    stops_watch();
#endif
    for (size_t i = 0; i < held; ++i) {
        latency_held_text(text, i);
        peer_keep(i, text, sizeof text);
    }
    uint64_t clock_cost = latency_clock_cost();
    sink = latency_loop(held, seconds * 0.2e9, clock_cost, &random, &fresh);
    memset(&latency_hits, 0, sizeof latency_hits);
    memset(&latency_new, 0, sizeof latency_new);
#ifdef PEER_STOPS
    stops_reset();
#endif
    sink = sink + latency_loop(held, seconds * 0.8e9, clock_cost, &random, &fresh);
    latency_line("hit", &latency_hits, held, clock_cost);
    latency_line("new", &latency_new, held, clock_cost);
#ifdef PEER_STOPS
    bench_begin(PEER_NAME, "W11");
    bench_text("variant", "stops");
    bench_whole("stops", stops_count());
    bench_whole("longest_ns", stops_longest_ns());
    bench_end();
#endif
}

#endif
