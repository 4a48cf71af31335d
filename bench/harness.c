/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mallinfo2, getopt_long, madvise */
#endif

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static bool answer_is_wrong;

/* ---- Options ------------------------------------------------------------ */

static _Noreturn void usage(const char *program)
{
    fprintf(stderr,
            "usage: %s --corpus=FILE [--workloads=W1,W2,...] [--threads=1,2,...]\n"
            "       [--tokens=N] [--least-operations=N] [--churn=N]\n"
            "       %s --held=N [--seconds=N]\n",
            program, program);
    exit(2);
}

static size_t parse_count(const char *program, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-')
        usage(program);
    return (size_t)value;
}

static void parse_threads(const char *program, const char *text, struct bench_options *options)
{
    options->thread_count_count = 0;
    while (*text != '\0') {
        char *end;
        unsigned long value = strtoul(text, &end, 10);
        if (end == text || (*end != ',' && *end != '\0') || value == 0 || value > 4096 ||
            options->thread_count_count == BENCH_MOST_THREAD_COUNTS)
            usage(program);
        options->thread_counts[options->thread_count_count++] = (unsigned)value;
        text = *end == ',' ? end + 1 : end;
    }
}

static void default_threads(struct bench_options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    for (unsigned threads = 1; threads == 1 || (long)threads <= processors; threads *= 2)
        options->thread_counts[options->thread_count_count++] = threads;
}

void bench_parse_options(int argc, char **argv, struct bench_options *options)
{
    enum {
        CORPUS = 'c',
        WORKLOADS = 'w',
        THREADS = 't',
        TOKENS = 'n',
        OPERATIONS = 'o',
        CHURN = 'u',
        HELD = 'h',
        SECONDS = 's'
    };
    static const struct option known[] = {
        {"corpus", required_argument, NULL, CORPUS},
        {"workloads", required_argument, NULL, WORKLOADS},
        {"threads", required_argument, NULL, THREADS},
        {"tokens", required_argument, NULL, TOKENS},
        {"least-operations", required_argument, NULL, OPERATIONS},
        {"churn", required_argument, NULL, CHURN},
        {"held", required_argument, NULL, HELD},
        {"seconds", required_argument, NULL, SECONDS},
        {NULL, 0, NULL, 0},
    };

    memset(options, 0, sizeof *options);
    options->most_tokens = SIZE_MAX;
    options->churn_values = 2000000;
    options->seconds = 2;
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (option) {
        case CORPUS: options->corpus_path = optarg; break;
        case WORKLOADS: options->workloads = optarg; break;
        case THREADS: parse_threads(argv[0], optarg, options); break;
        case TOKENS: options->most_tokens = parse_count(argv[0], optarg); break;
        case OPERATIONS: options->least_operations = parse_count(argv[0], optarg); break;
        case CHURN: options->churn_values = parse_count(argv[0], optarg); break;
        case HELD: options->held_values = parse_count(argv[0], optarg); break;
        case SECONDS: options->seconds = (double)parse_count(argv[0], optarg); break;
        default: usage(argv[0]);
        }
    }
    if ((options->corpus_path == NULL && options->held_values == 0) || optind != argc)
        usage(argv[0]);
    if (options->thread_count_count == 0)
        default_threads(options);
}

bool bench_wants(const struct bench_options *options, const char *workload)
{
    if (options->workloads == NULL)
        return true;
    size_t length = strlen(workload);
    const char *at = options->workloads;
    for (;;) {
        size_t item = strcspn(at, ",");
        if (item == length && memcmp(at, workload, length) == 0)
            return true;
        if (at[item] == '\0')
            return false;
        at += item + 1;
    }
}

/* ---- Corpus ------------------------------------------------------------- */

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* Large blocks ask for huge pages, which makes loading a large corpus much
   faster; all peers read the same blocks. */
void *bench_alloc(size_t size)
{
    const size_t huge_page = (size_t)2 << 20;
    void *memory = NULL;
    if (size < 2 * huge_page) {
        memory = malloc(size != 0 ? size : 1);
    } else if (posix_memalign(&memory, huge_page, size) == 0) {
        (void)madvise(memory, size, MADV_HUGEPAGE);
    }
    if (memory == NULL)
        give_up("out of memory");
    memset(memory, 0, size);
    return memory;
}

/* Mapped, so that only the part that is used is read; never unmapped. */
static const char *map_file(const char *path, size_t *size)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0)
        give_up(path);
    *size = (size_t)status.st_size;
    if (*size == 0)
        return "";
    void *text = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, file, 0);
    if (text == MAP_FAILED)
        give_up(path);
    close(file);
    return (const char *)text;
}

/* Empty lines are no tokens. */
static size_t cut_lines(const char *text, size_t size, size_t most, struct bench_span *tokens)
{
    size_t count = 0;
    const char *end = text + size;
    while (text < end && count < most) {
        const char *newline = (const char *)memchr(text, '\n', (size_t)(end - text));
        const char *stop = newline != NULL ? newline : end;
        if (stop > text) {
            if (tokens != NULL)
                tokens[count] = (struct bench_span){text, (size_t)(stop - text)};
            ++count;
        }
        text = stop + 1;
    }
    return count;
}

static uint64_t fnv_hash(const void *data, size_t size)
{
    const unsigned char *at = (const unsigned char *)data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; ++i)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static bool same_text(struct bench_span a, struct bench_span b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* Fills first, ordinal, distinct and distinct_bytes; example[k] becomes the
   index of the token where the distinct value k occurs first. */
static uint32_t *find_distinct(struct bench_corpus *corpus)
{
    size_t capacity = 1024;
    while (capacity < corpus->count * 2)
        capacity *= 2;
    /* A slot holds the ordinal of a distinct value plus one; zero is empty. */
    uint32_t *slots = (uint32_t *)bench_alloc(capacity * sizeof *slots);
    uint32_t *example = (uint32_t *)bench_alloc(corpus->count * sizeof *example);

    for (size_t i = 0; i < corpus->count; ++i) {
        struct bench_span token = corpus->tokens[i];
        size_t at = (size_t)fnv_hash(token.data, token.size) & (capacity - 1);
        while (slots[at] != 0 && !same_text(corpus->tokens[example[slots[at] - 1]], token))
            at = (at + 1) & (capacity - 1);
        if (slots[at] == 0) {
            example[corpus->distinct] = (uint32_t)i;
            slots[at] = (uint32_t)++corpus->distinct;
            corpus->distinct_bytes += token.size;
            corpus->first[i] = 1;
        }
        corpus->ordinal[i] = slots[at] - 1;
    }
    free(slots);
    return example;
}

/* The same sequence on every machine, so that every peer sees one order. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);
    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

static void shuffle(uint32_t *values, size_t count)
{
    uint64_t state = 1;
    for (size_t i = count; i > 1; --i) {
        size_t other = (size_t)(next_random(&state) % i);
        uint32_t value = values[i - 1];
        values[i - 1] = values[other];
        values[other] = value;
    }
}

static void copy_out_shuffled(struct bench_corpus *corpus, const uint32_t *example)
{
    char *text = (char *)bench_alloc(corpus->distinct_bytes + corpus->distinct);
    corpus->shuffled = (struct bench_span *)bench_alloc(corpus->distinct * sizeof *corpus->shuffled);
    corpus->shuffled_ordinal = (uint32_t *)bench_alloc(corpus->distinct * sizeof *corpus->shuffled_ordinal);
    for (size_t i = 0; i < corpus->distinct; ++i)
        corpus->shuffled_ordinal[i] = (uint32_t)i;
    shuffle(corpus->shuffled_ordinal, corpus->distinct);

    for (size_t i = 0; i < corpus->distinct; ++i) {
        struct bench_span token = corpus->tokens[example[corpus->shuffled_ordinal[i]]];
        memcpy(text, token.data, token.size);
        corpus->shuffled[i] = (struct bench_span){text, token.size};
        text += token.size + 1;
    }
}

void bench_load_corpus(const struct bench_options *options, struct bench_corpus *corpus)
{
    memset(corpus, 0, sizeof *corpus);
    size_t size;
    const char *text = map_file(options->corpus_path, &size);
    corpus->count = cut_lines(text, size, options->most_tokens, NULL);
    if (corpus->count == 0 || corpus->count >= UINT32_MAX) {
        fprintf(stderr, "bench: %s: no tokens, or too many\n", options->corpus_path);
        exit(2);
    }
    corpus->tokens = (struct bench_span *)bench_alloc(corpus->count * sizeof *corpus->tokens);
    corpus->first = (uint8_t *)bench_alloc(corpus->count);
    corpus->ordinal = (uint32_t *)bench_alloc(corpus->count * sizeof *corpus->ordinal);
    cut_lines(text, size, options->most_tokens, corpus->tokens);
    uint32_t *example = find_distinct(corpus);
    copy_out_shuffled(corpus, example);
    free(example);
    malloc_trim(0);
}

/* ---- Clock and memory --------------------------------------------------- */

double bench_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

size_t bench_resident_bytes(void)
{
    /* statm's resident count may lag by some pages per thread; at the sizes
       measured here that is far below a byte per value. */
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL)
        return 0;
    unsigned long pages = 0, resident = 0;
    if (fscanf(file, "%lu %lu", &pages, &resident) != 2)
        resident = 0;
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

size_t bench_malloc_bytes(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static int compare_numbers(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_numbers);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* ---- Output ------------------------------------------------------------- */

/* Keys and texts are the programs' own words: nothing in them needs quoting. */
void bench_begin(const char *peer, const char *workload)
{
    printf("{\"peer\": \"%s\", \"workload\": \"%s\"", peer, workload);
}

void bench_text(const char *key, const char *value)
{
    printf(", \"%s\": \"%s\"", key, value);
}

void bench_number(const char *key, double value)
{
    printf(", \"%s\": %.3f", key, value);
}

void bench_whole(const char *key, uint64_t value)
{
    printf(", \"%s\": %llu", key, (unsigned long long)value);
}

void bench_flag(const char *key, bool value)
{
    printf(", \"%s\": %s", key, value ? "true" : "false");
}

void bench_end(void)
{
    puts("}");
    fflush(stdout);
}

void bench_wrong(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("wrong: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    answer_is_wrong = true;
}

int bench_status(void)
{
    return answer_is_wrong ? 1 : 0;
}

/* ---- Threads ------------------------------------------------------------ */

struct gang_member {
    const struct bench_gang *gang;
    pthread_barrier_t *start;
    unsigned index;
    double began, ended;
};

static void *gang_thread(void *argument)
{
    struct gang_member *self = (struct gang_member *)argument;
    if (self->gang->enter != NULL)
        self->gang->enter();
    pthread_barrier_wait(self->start);
    self->began = bench_now();
    self->gang->work(self->index, self->gang->context);
    self->ended = bench_now();
    if (self->gang->leave != NULL)
        self->gang->leave();
    return NULL;
}

struct bench_gang_time bench_run_gang(const struct bench_gang *gang, unsigned threads)
{
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, threads);
    pthread_t *ids = (pthread_t *)bench_alloc(threads * sizeof *ids);
    struct gang_member *members = (struct gang_member *)bench_alloc(threads * sizeof *members);
    for (unsigned i = 0; i < threads; ++i) {
        members[i].gang = gang;
        members[i].start = &start;
        members[i].index = i;
        errno = pthread_create(&ids[i], NULL, gang_thread, &members[i]);
        if (errno != 0)
            give_up("cannot start a thread");
    }
    for (unsigned i = 0; i < threads; ++i)
        pthread_join(ids[i], NULL);

    double began = members[0].began, ended = members[0].ended, sum = 0;
    for (unsigned i = 0; i < threads; ++i) {
        sum += members[i].ended - members[i].began;
        began = members[i].began < began ? members[i].began : began;
        ended = members[i].ended > ended ? members[i].ended : ended;
    }
    free(members);
    free(ids);
    pthread_barrier_destroy(&start);
    return (struct bench_gang_time){sum / threads, ended - began};
}

/* ---- Fresh values ------------------------------------------------------- */

void bench_fresh_start(struct bench_fresh *fresh, unsigned thread)
{
    memset(fresh->text, '0', sizeof fresh->text);
    memcpy(fresh->text, "churn", 5);
    fresh->text[5] = (char)('A' + thread % 26);
    fresh->text[6] = (char)('a' + thread / 26 % 26);
}
