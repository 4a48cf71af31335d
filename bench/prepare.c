/* SPDX-License-Identifier: MIT */
/* Writes what the peers in other languages need beside the corpus, so that they
   all see the order that the harness draws:

     CORPUS.first      one byte for each token, 1 where it occurs for the first
                       time, else 0
     CORPUS.shuffled   every distinct value once, in random order, one a line */

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void give_up(const char *path)
{
    perror(path);
    exit(1);
}

/* The caller frees nothing: the program ends soon. */
static char *beside(const char *path, const char *suffix)
{
    size_t size = strlen(path) + strlen(suffix) + 1;
    char *result = (char *)bench_alloc(size);
    snprintf(result, size, "%s%s", path, suffix);
    return result;
}

static void write_first(const struct bench_corpus *corpus, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(corpus->first, 1, corpus->count, file) != corpus->count || fclose(file) != 0)
        give_up(path);
}

static void write_shuffled(const struct bench_corpus *corpus, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL)
        give_up(path);
    for (size_t i = 0; i < corpus->distinct; ++i) {
        fwrite(corpus->shuffled[i].data, 1, corpus->shuffled[i].size, file);
        putc('\n', file);
    }
    if (ferror(file) || fclose(file) != 0)
        give_up(path);
}

int main(int argc, char **argv)
{
    struct bench_options options;
    struct bench_corpus corpus;
    bench_parse_options(argc, argv, &options);
    bench_load_corpus(&options, &corpus);
    write_first(&corpus, beside(options.corpus_path, ".first"));
    write_shuffled(&corpus, beside(options.corpus_path, ".shuffled"));
    return 0;
}
