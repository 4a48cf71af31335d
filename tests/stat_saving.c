/* SPDX-License-Identifier: MIT */
/*
 * stat_saving.c - keeps the lines of standard input as an ordinary program would: in an array, each by strdup, or each
 * by hapax_intern. Prints the bytes of heap that this took, the array among them. tests/test_stat_counters.sh compares
 * them with what hapax stat says.
 */
#include "config.h"

#include <hapax.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t malloc_heap(void)
{
#ifdef HAVE_MALLINFO2
    struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
#else
    return 0;
#endif
}

static uint64_t collected_heap(void)
{
    struct hapax_stats process;
    struct hapax_table_stats strings;
    hapax_collect();
    hapax_stats(&process);
    hapax_table_stats(hapax_strings(), &strings);
    return process.heap_bytes - process.heap_free_bytes + strings.overhead_bytes;
}

struct lines {
    const void **kept;
    size_t count, room;
};

static void add(struct lines *lines, const void *line)
{
    if (!line) {
        perror("stat_saving");
        exit(EXIT_FAILURE);
    }
    lines->kept[lines->count++] = line;
}

/* The whole of standard input, so that reading it does not count. */
static char *read_all(size_t *size)
{
    size_t room = 1 << 20;
    char *text = malloc(room + 1);
    *size = 0;
    for (size_t got; text && (got = fread(text + *size, 1, room - *size, stdin)) > 0;) {
        *size += got;
        if (*size == room)
            text = realloc(text, (room *= 2) + 1);
    }
    if (!text)
        exit(EXIT_FAILURE);
    text[*size] = '\0';
    return text;
}

int main(int count, char **arguments)
{
    int interned = count > 1 && strcmp(arguments[1], "interned") == 0;
    size_t size;
    char *text = read_all(&size);
    struct lines lines = { NULL, 0, 0 };
    for (size_t i = 0; i < size; i++)
        lines.room += text[i] == '\n';

    uint64_t before = interned ? collected_heap() : malloc_heap();
    lines.kept = interned ? hapax_alloc(lines.room * sizeof *lines.kept + 1)
                          : malloc(lines.room * sizeof *lines.kept + 1);
    if (!lines.kept)
        return EXIT_FAILURE;
    for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        add(&lines, interned ? (const void *)hapax_intern(line) : strdup(line));
    }
    uint64_t after = interned ? collected_heap() : malloc_heap();
    printf("%llu\n", (unsigned long long)(after - before));
    hapax_keep_alive(lines.kept);
    return EXIT_SUCCESS;
}
