/* SPDX-License-Identifier: MIT */
/* W13: what the search of malloc's memory costs.

   A JSON reader as people write them: each value a node of malloc's, keys and
   strings handles. It reads 200,000 records in two ways, each in a process of
   its own: "natural", with a table that keeps nothing and the search on, and
   "explicit", with a table that keeps its values and the search off.

   Then a collection beside 10, 100 and 1,000 MB of malloc's memory, with the
   speed of its search and that of a plain read of the same memory.

   Prints a JSON object a line: seconds, or milliseconds and GB/s. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <hapax.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void must(int success, const char *what)
{
    if (!success) {
        perror(what);
        exit(2);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/* ---- A JSON reader ---- */

enum kind { NUMBER, STRING, ARRAY, OBJECT };

struct value {
    enum kind kind;
    hapax_handle key;       /* in an object */
    struct value *next;     /* of the same array or object */
    union {
        double number;
        hapax_handle string;
        struct value *first;
    };
};

static hapax_table *table;

static hapax_handle read_string(const char **at)
{
    const char *start = ++*at;
    while (**at != '"')
        ++*at;
    hapax_handle handle = hapax_make_handle(table, start, (size_t)(*at - start));
    must(handle != NULL, "hapax_make_handle");
    ++*at;
    return handle;
}

static struct value *read_value(const char **at);

static struct value *read_members(const char **at, int closing)
{
    struct value *first = NULL, **last = &first;
    ++*at;
    while (**at != closing) {
        hapax_handle key = NULL;
        if (closing == '}') {
            key = read_string(at);
            ++*at;
        }
        *last = read_value(at);
        (*last)->key = key;
        last = &(*last)->next;
        if (**at == ',')
            ++*at;
    }
    ++*at;
    return first;
}

static struct value *read_value(const char **at)
{
    struct value *value = calloc(1, sizeof *value);
    must(value != NULL, "calloc");
    switch (**at) {
    case '"':
        value->kind = STRING;
        value->string = read_string(at);
        break;
    case '[':
        value->kind = ARRAY;
        value->first = read_members(at, ']');
        break;
    case '{':
        value->kind = OBJECT;
        value->first = read_members(at, '}');
        break;
    default:
        value->kind = NUMBER;
        value->number = strtod(*at, (char **)(uintptr_t)at);
        break;
    }
    return value;
}

static char *write_records(unsigned records)
{
    size_t room = (size_t)records * 160 + 16, at = 0;
    char *text = malloc(room);
    must(text != NULL, "malloc");
    text[at++] = '[';
    for (unsigned i = 0; i < records; i++)
        at += (size_t)sprintf(
            text + at,
            "{\"id\":%u,\"name\":\"person number %u\",\"city\":\"city %u\",\"tags\":[\"red\",\"tag %u\"],"
            "\"mail\":\"p%u@example.org\"},",
            i, i, i * 7 % 5000, i % 300, i);
    strcpy(text + at, "]");
    return text;
}

/* Looks at all of it, as a program would. */
static size_t count_equal(const struct value *value, hapax_handle key)
{
    size_t count = 0;
    for (; value != NULL; value = value->next) {
        count += value->key == key;
        if (value->kind == ARRAY || value->kind == OBJECT)
            count += count_equal(value->first, key);
    }
    return count;
}

static void read_records(unsigned records, int is_natural)
{
    must(hapax_init() == 0 && hapax_search_malloc(is_natural) == 0, "hapax_init");
    table = hapax_table_new(NULL, is_natural ? 0 : HAPAX_TABLE_KEEPS_VALUES);
    must(table != NULL && hapax_pin(table) == 0, "hapax_table_new");
    char *text = write_records(records);
    const char *at = text;
    double begin = now();
    struct value *all = read_value(&at);
    size_t found = count_equal(all->first, hapax_make_handle(table, "name", 4));
    double seconds = now() - begin;
    if (found != records) {
        fprintf(stderr, "wrong: %zu of %u names\n", found, records);
        exit(1);
    }
    struct hapax_stats stats;
    hapax_stats(&stats);
    printf("{\"workload\": \"W13\", \"variant\": \"%s\", \"records\": %u, \"seconds\": %.6f, \"collections\": %llu, "
           "\"searched_mb\": %.3f, \"search_ms\": %.3f}\n",
           is_natural ? "natural" : "explicit", records, seconds, (unsigned long long)stats.collections,
           (double)stats.searched_bytes / 1e6, (double)stats.search_ns / 1e6);
}

/* ---- A collection beside malloc's memory ---- */

static void collect_beside(unsigned megabytes, int unused)
{
    enum { BLOCK = 1000, ROUNDS = 5 };
    (void)unused;
    must(hapax_init() == 0 && hapax_search_malloc(1) == 0, "hapax_init");
    size_t count = (size_t)megabytes * 1000000 / BLOCK;
    size_t **blocks = malloc(count * sizeof *blocks);
    for (size_t i = 0; i < count; i++) {
        blocks[i] = malloc(BLOCK);
        must(blocks[i] != NULL, "malloc");
        memset(blocks[i], (int)i, BLOCK);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct hapax_stats before, after;
        hapax_stats(&before);
        double begin = now();
        hapax_collect();
        double collected = now();
        hapax_stats(&after);
        size_t sum = 0;
        for (size_t i = 0; i < count; i++)
            for (size_t j = 0; j < BLOCK / sizeof(size_t); j++)
                sum += blocks[i][j];
        double done = now();
        __asm__ volatile("" : : "r"(sum));
        if (round < ROUNDS - 1)
            continue;
        printf("{\"workload\": \"W13\", \"variant\": \"%u MB\", \"ms\": %.3f, \"search_gb_per_second\": %.3f, "
               "\"read_gb_per_second\": %.3f}\n",
               megabytes, (collected - begin) * 1e3,
               (double)(after.searched_bytes - before.searched_bytes) / (double)(after.search_ns - before.search_ns),
               (double)count * BLOCK / (done - collected) / 1e9);
    }
}

/* In a process of its own. */
static void apart(void (*measure)(unsigned, int), unsigned amount, int way)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        measure(amount, way);
        fflush(stdout);
        _exit(0);
    }
    int status;
    must(child > 0 && waitpid(child, &status, 0) == child, "fork");
    if (status != 0)
        exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

int main(int argc, char **argv)
{
    unsigned records = argc > 1 ? (unsigned)atoi(argv[1]) : 200000, most = argc > 2 ? (unsigned)atoi(argv[2]) : 1000;
    apart(read_records, records, 1);
    apart(read_records, records, 0);
    for (unsigned megabytes = 10; megabytes <= most; megabytes *= 10)
        apart(collect_beside, megabytes, 0);
    return 0;
}
