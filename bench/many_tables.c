/* SPDX-License-Identifier: MIT */
/* W12: what many tables, caches and weak maps take. Each line in a process of its own: bytes for each, all included, by
   the resident size and by the collector's account; nanoseconds to make and fill one, to make and drop an empty one; a
   full collection with all of them, and with one value held for each; mappings of the process. The report has a second
   line of what fits in 4 GB of address space, from a process that is limited to that.

     many_tables                 the lines of the report
     many_tables KIND N VALUES   one line: KIND is tables, caches or maps */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* setrlimit */
#endif

#include <hapax.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { COLLECTIONS = 5, DROPPED = 200000, VALUE_BYTES = 24, LIMITED_VALUES = 10000000 };

static const rlim_t LIMIT_BYTES = 4000000UL * 1024;

static double now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *must(void *pointer)
{
    if (pointer == NULL) {
        perror("many_tables");
        exit(2);
    }
    return pointer;
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL || fscanf(file, "%*s %zu", &pages) != 1)
        pages = 0;
    if (file != NULL)
        fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t count_mappings(void)
{
    size_t lines = 0;
    FILE *file = fopen("/proc/self/maps", "re");
    for (int c; file != NULL && (c = getc(file)) != EOF;)
        lines += c == '\n';
    if (file != NULL)
        fclose(file);
    return lines;
}

static void *create(const void *key, size_t size, void *context, int *error)
{
    (void)key;
    (void)size;
    (void)context;
    (void)error;
    return hapax_alloc(8);
}

/* An owner with so many values; what keeps them alive goes to `kept`. */
static void *make(const char *kind, size_t values, void **kept)
{
    char text[VALUE_BYTES];
    if (kind[0] == 't') {
        hapax_table *table = must(hapax_table_new(NULL, 0));
        for (size_t i = 0; i < values; i++)
            kept[i] = must((void *)(uintptr_t)hapax_make_handle(table, text,
                                                               (size_t)snprintf(text, sizeof text, "value %zu", i)));
        return table;
    }
    if (kind[0] == 'c') {
        hapax_cache *cache = must(hapax_cache_new(create, NULL));
        for (size_t i = 0; i < values; i++)
            kept[i] = must(hapax_cache_get(cache, text, (size_t)snprintf(text, sizeof text, "value %zu", i), NULL));
        return cache;
    }
    hapax_weak_map *map = must(hapax_weak_map_new());
    for (size_t i = 0; i < values; i++) {
        kept[i] = must(hapax_alloc(8));
        if (hapax_weak_map_set(map, kept[i], kept[i]) != 0)
            must(NULL);
    }
    return map;
}

static void run(const char *kind, size_t n, size_t values)
{
    void **owners = must(hapax_alloc((n + 1) * sizeof *owners));
    void **kept = must(hapax_alloc((n * values + 1) * sizeof *kept));
    memset(kept, 0, n * values * sizeof *kept);
    hapax_collect();
    size_t before = resident_bytes();
    struct hapax_stats stats;
    hapax_stats(&stats);
    uint64_t heap = stats.heap_bytes - stats.heap_free_bytes;
    double began = now_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < n; i++)
        owners[i] = make(kind, values, kept + i * values);
    double made = (now_ns(CLOCK_MONOTONIC) - began) / (double)n;
    size_t resident = resident_bytes() - before, mappings = count_mappings();
    hapax_collect();
    hapax_stats(&stats);
    heap = stats.heap_bytes - stats.heap_free_bytes - heap;
    double collection = 1e18, processor = 1e18;
    for (unsigned i = 0; i < COLLECTIONS; i++) {
        double wall_began = now_ns(CLOCK_MONOTONIC), processor_began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
        hapax_collect();
        double wall = now_ns(CLOCK_MONOTONIC) - wall_began;
        double used = now_ns(CLOCK_PROCESS_CPUTIME_ID) - processor_began;
        collection = wall < collection ? wall : collection;
        processor = used < processor ? used : processor;
    }
    memset(owners, 0, n * sizeof *owners);
    memset(kept, 0, n * values * sizeof *kept);
    hapax_collect();
    hapax_collect();
    began = now_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < DROPPED; i++)
        make(kind, 0, NULL);
    double dropped = (now_ns(CLOCK_MONOTONIC) - began) / DROPPED;
    printf("%zu %s of %zu | %zu | %llu | %.0f | %.1f | %.1f | %.0f | %zu |\n", n, kind, values, resident / n,
           (unsigned long long)heap / n, made, collection / 1e6, processor / 1e6, dropped, mappings);
    fflush(stdout);
}

struct line {
    const char *kind;
    size_t n, values;
};

static bool run_apart(const struct line *line, bool limited)
{
    pid_t child = fork();
    if (child == 0) {
        struct rlimit space = {LIMIT_BYTES, LIMIT_BYTES};
        if (limited) {
            printf("| limited: ");
            if (setrlimit(RLIMIT_AS, &space) != 0)
                must(NULL);
        } else {
            printf("| ");
        }
        run(line->kind, line->n, line->values);
        exit(0);
    }
    int status = 1;
    if (child > 0 && waitpid(child, &status, 0) == child && status == 0)
        return true;
    printf("| %s%zu %s of %zu | failed |\n", limited ? "limited: " : "", line->n, line->kind, line->values);
    fflush(stdout);
    return false;
}

int main(int argc, char **argv)
{
    static const struct line lines[] = {{"tables", 100000, 0}, {"tables", 100000, 10}, {"caches", 100000, 10},
                                        {"maps", 100000, 10},  {"tables", 10000, 1000}, {"tables", 100000, 1000}};
    if (argc == 4) {
        printf("| ");
        run(argv[1], strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
        return 0;
    }
    printf("| | resident bytes each | of the heap | ns to make and fill | a collection, ms | of processor time | "
           "ns to make and drop | mappings |\n|---|---|---|---|---|---|---|---|\n");
    fflush(stdout);
    bool passed = true;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        passed = run_apart(&lines[i], false) && passed;
        if (lines[i].n * lines[i].values <= LIMITED_VALUES)
            passed = run_apart(&lines[i], true) && passed;
    }
    return passed ? 0 : 1;
}
