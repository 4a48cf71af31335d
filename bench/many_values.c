/* SPDX-License-Identifier: MIT */
/* W15: how long the threads stand still by the number of values. A line gives the time that the library itself takes
   while they do (last_pause_ns), the whole stop, and the whole stop of the same heap without the library: all values
   living, and all just dropped; in stop-the-world and in incremental mode. Each measurement has a process of its own,
   those with and without the library in turn; medians.

     many_values        20 million values
     many_values N      so many */
#include "stops.h"

#include <hapax.h>

#include <gc/gc.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 5, COLLECTIONS = 3, TEXT_BYTES = 24 };

struct stop {
    double pause_us, stop_ms;
};

struct found {
    struct stop living, dropped;
    size_t value_bytes; /* that the collector gives to one value */
};

static void *must(void *pointer)
{
    if (pointer == NULL) {
        perror("many_values");
        exit(2);
    }
    return pointer;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, by_size);
    return values[n / 2];
}

/* Volatile, since the compiler drops stores into memory that only the collector reads. Static, so that the collector
   finds it without looking at a stack. */
static const void *volatile *values;

/* With the library where value_bytes is 0; else each value has so many bytes, without the library. */
static const void *make(size_t i, size_t value_bytes)
{
    char text[2 * TEXT_BYTES];
    int length = snprintf(text, sizeof text, "value %0*zu", TEXT_BYTES - 6, i);
    if (value_bytes == 0)
        return must((void *)(uintptr_t)hapax_intern(text));
    /* bdwgc adds a byte, so that a pointer to the end is one to the object. */
    char *copy = must(GC_MALLOC_ATOMIC(value_bytes - 1));
    memcpy(copy, text, (size_t)length + 1);
    return copy;
}

static struct stop collect(bool with_library)
{
    struct hapax_stats stats = {0};
    stops_reset();
    GC_gcollect();
    if (with_library)
        hapax_stats(&stats);
    return (struct stop){(double)stats.last_pause_ns / 1e3, (double)stops_longest_ns() / 1e6};
}

static struct found measure(size_t n, bool incremental, size_t value_bytes)
{
    bool with_library = value_bytes == 0;
    GC_INIT();
    if (incremental)
        GC_enable_incremental();
    if (with_library && hapax_init() != 0)
        must(NULL);
    stops_watch();
    values = must(GC_MALLOC(n * sizeof *values));
    for (size_t i = 0; i < n; i++)
        values[i] = make(i, value_bytes);
    struct found found = {.value_bytes = GC_size((const void *)values[0])};
    double pauses[COLLECTIONS], stops[COLLECTIONS];
    for (size_t i = 0; i < COLLECTIONS; i++) {
        struct stop stop = collect(with_library);
        pauses[i] = stop.pause_us;
        stops[i] = stop.stop_ms;
    }
    found.living = (struct stop){median(pauses, COLLECTIONS), median(stops, COLLECTIONS)};
    for (size_t i = 0; i < n; i++)
        values[i] = NULL;
    found.dropped = collect(with_library);
    return found;
}

static struct found measure_apart(size_t n, bool incremental, size_t value_bytes)
{
    int ends[2], status = 1;
    struct found found;
    if (pipe(ends) != 0)
        must(NULL);
    pid_t child = fork();
    if (child == 0) {
        found = measure(n, incremental, value_bytes);
        _exit(write(ends[1], &found, sizeof found) == (ssize_t)sizeof found ? 0 : 2);
    }
    close(ends[1]);
    bool complete = child > 0 && read(ends[0], &found, sizeof found) == (ssize_t)sizeof found;
    close(ends[0]);
    if (child > 0)
        waitpid(child, &status, 0);
    if (!complete || status != 0) {
        fprintf(stderr, "many_values: a measurement failed\n");
        exit(2);
    }
    return found;
}

static void print(size_t n, const char *what, bool incremental, const struct stop *with, const struct stop *without)
{
    double pauses[ROUNDS], stops[ROUNDS], bare[ROUNDS], ratios[ROUNDS];
    for (size_t i = 0; i < ROUNDS; i++) {
        pauses[i] = with[i].pause_us;
        stops[i] = with[i].stop_ms;
        bare[i] = without[i].stop_ms;
        ratios[i] = stops[i] / bare[i];
    }
    printf("| %zu, %s, %s | %.1f | %.1f | %.1f | %.2f |\n", n, what, incremental ? "incremental" : "stop-the-world",
           median(pauses, ROUNDS), median(stops, ROUNDS), median(bare, ROUNDS), median(ratios, ROUNDS));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000000;
    if (n == 0) {
        fprintf(stderr, "usage: many_values [N]\n");
        return 2;
    }
    printf("| values | pause, us | whole stop, ms | without the library, ms | ratio |\n|---|---|---|---|---|\n");
    fflush(stdout);
    for (int incremental = 0; incremental < 2; incremental++) {
        struct stop living[2][ROUNDS], dropped[2][ROUNDS];
        for (size_t i = 0; i < ROUNDS; i++) {
            struct found with = measure_apart(n, incremental != 0, 0);
            struct found without = measure_apart(n, incremental != 0, with.value_bytes);
            living[0][i] = without.living;
            living[1][i] = with.living;
            dropped[0][i] = without.dropped;
            dropped[1][i] = with.dropped;
        }
        print(n, "living", incremental != 0, living[1], living[0]);
        print(n, "dropped", incremental != 0, dropped[1], dropped[0]);
    }
    return 0;
}
