/* SPDX-License-Identifier: MIT */
/* values_file.c - every value with its count, in a file. */
#include "config.h"

#include "stat/values/values_file.h"

#include "stat/base/message.h"
#include "stat/values/intern.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const struct counted *a = left;
    const struct counted *b = right;
    if (a->count != b->count)
        return a->count < b->count ? 1 : -1;
    return hapax_handle_compare(a->value, b->value);
}

static void put_value(FILE *file, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const char *escape = data[i] == '\\'   ? "\\\\"
                             : data[i] == '\t' ? "\\t"
                             : data[i] == '\n' ? "\\n"
                             : data[i] == '\r' ? "\\r"
                                               : NULL;
        if (escape)
            fputs(escape, file);
        else
            putc_unlocked(data[i], file);
    }
}

void values_file_write(const char *path, struct counted *values, size_t count)
{
    if (count > 0)
        qsort(values, count, sizeof *values, compare);
    FILE *file = fopen(path, "we");
    if (!file)
        give_up(path);
    errno = 0;
    for (size_t i = 0; i < count && !ferror(file); i++) {
        fprintf(file, "%" PRIu64 "\t", values[i].count);
        put_value(file, hapax_handle_value(values[i].value), hapax_handle_size(values[i].value));
        putc_unlocked('\n', file);
    }
    int error = errno; /* the loop ends with the first one */
    bool failed = ferror(file);
    if (fclose(file) != 0 || failed) {
        errno = failed ? error : errno;
        give_up(path);
    }
}
