/* SPDX-License-Identifier: MIT */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fork, pipe */
#endif

#include "bare_heap.h"

#include <gc/gc.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Static, so that the collector finds it without looking at any stack. */
static void **values;

static double measure(const struct bench_corpus *corpus)
{
    GC_INIT();
    values = (void **)GC_MALLOC(corpus->distinct * sizeof *values);
    if (values == NULL)
        abort();
    for (size_t i = 0; i < corpus->count; ++i) {
        if (corpus->first[i] == 0)
            continue;
        struct bench_span token = corpus->tokens[i];
        char *copy = (char *)GC_MALLOC_ATOMIC(token.size + 1);
        if (copy == NULL)
            abort();
        memcpy(copy, token.data, token.size);
        copy[token.size] = '\0';
        values[corpus->ordinal[i]] = copy;
    }

    double times[BARE_HEAP_COLLECTIONS];
    for (size_t i = 0; i < BARE_HEAP_COLLECTIONS; ++i) {
        double began = bench_now();
        GC_gcollect();
        times[i] = bench_now() - began;
    }
    return bench_median(times, BARE_HEAP_COLLECTIONS);
}

double bare_heap_collection_ns(const struct bench_corpus *corpus)
{
    int ends[2];
    double result;
    if (pipe(ends) != 0) {
        perror("pipe");
        exit(2);
    }
    pid_t child = fork();
    if (child == 0) {
        result = measure(corpus);
        _exit(write(ends[1], &result, sizeof result) == (ssize_t)sizeof result ? 0 : 1);
    }
    close(ends[1]);
    bool complete = child > 0 && read(ends[0], &result, sizeof result) == (ssize_t)sizeof result;
    close(ends[0]);
    if (child > 0)
        waitpid(child, NULL, 0);
    if (!complete) {
        fprintf(stderr, "bench: the bare heap could not be measured\n");
        exit(2);
    }
    return result;
}
