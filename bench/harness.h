/* SPDX-License-Identifier: MIT */
/* The part every benchmark program shares: options, the corpus, the clock,
   resident size, threads that start together, and the JSON lines they print.

   Everything here runs outside the timed regions, except the threads' own
   start and stop marks. Compiles as C11 and as C++17, for the C++ peers. */

#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_MOST_THREAD_COUNTS = 16 };

struct bench_span {
    const void *data;
    size_t size;
};

/* The whole corpus, in malloc memory and a mapped file: no collector scans either. */
struct bench_corpus {
    struct bench_span *tokens; /* the stream, in the order of the file */
    uint8_t *first;            /* first[i] is 1 where tokens[i] occurs for the first time, else 0 */
    uint32_t *ordinal;         /* ordinal[i]: which distinct value tokens[i] is, by first occurrence */
    size_t count;

    /* Every distinct value once, in an order drawn at random, its text copied
       out in that order: reading it is sequential, finding it is not. */
    struct bench_span *shuffled;
    uint32_t *shuffled_ordinal;
    size_t distinct;
    size_t distinct_bytes; /* the raw text of all distinct values, no terminators */
};

struct bench_options {
    const char *corpus_path;
    const char *workloads; /* comma-separated, NULL for all */
    size_t most_tokens;    /* only so many tokens from the head of the file */
    size_t least_operations; /* W2, W3 and W8 go over the corpus again until they did so many */
    size_t churn_values;   /* new values per thread in W9 */
    size_t held_values;    /* W11 alone, beside so many; needs no corpus; 0 for all other workloads */
    double seconds;        /* how long W11 runs */
    unsigned thread_counts[BENCH_MOST_THREAD_COUNTS];
    unsigned thread_count_count;
};

/* Reads the command line; prints usage and exits with status 2 where it is
   malformed. Thread counts default to 1, 2, 4 ... up to the processors. */
void bench_parse_options(int argc, char **argv, struct bench_options *options);

/* True where the user asked for this workload, or for all of them. */
bool bench_wants(const struct bench_options *options, const char *workload);

/* Exits with a message where the file cannot be read or has no tokens. */
void bench_load_corpus(const struct bench_options *options, struct bench_corpus *corpus);

/* Nanoseconds on the monotonic clock. */
double bench_now(void);

/* This process's resident set, in bytes. */
size_t bench_resident_bytes(void);

/* malloc's own account of the bytes it has handed out, mapped blocks included. */
size_t bench_malloc_bytes(void);

/* Allocates zeroed memory and touches every page of it, so that it is resident
   before anything is measured; exits where there is none. */
void *bench_alloc(size_t size);

double bench_median(double *values, size_t count);

/* One JSON object on one line of standard output. */
void bench_begin(const char *peer, const char *workload);
void bench_text(const char *key, const char *value);
void bench_number(const char *key, double value);
void bench_whole(const char *key, uint64_t value);
void bench_flag(const char *key, bool value);
void bench_end(void);

/* Says on standard error that the program's own answer is wrong, and makes
   bench_status() return 1. */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void bench_wrong(const char *format, ...);
int bench_status(void);

/* What each thread of a gang does: enter and leave run outside its time. */
struct bench_gang {
    void (*enter)(void);
    void (*work)(unsigned index, void *context);
    void (*leave)(void);
    void *context;
};

struct bench_gang_time {
    double thread_ns; /* the mean of the threads' own times */
    double wall_ns;   /* from the common start to the last one's end */
};

/* Runs the gang in so many new threads, which start their work together. */
struct bench_gang_time bench_run_gang(const struct bench_gang *gang, unsigned threads);

/* A value never seen before, each time: 24 bytes of text, the thread and a
   decimal counter that is stepped in place. */
enum { BENCH_FRESH_SIZE = 24 };
struct bench_fresh {
    char text[BENCH_FRESH_SIZE];
};
void bench_fresh_start(struct bench_fresh *fresh, unsigned thread);

static inline void bench_fresh_next(struct bench_fresh *fresh)
{
    char *digit = fresh->text + BENCH_FRESH_SIZE - 1;
    while (*digit == '9')
        *digit-- = '0';
    ++*digit;
}

#ifdef __cplusplus
}
#endif

#endif
