/*
 * split_lines.c - values are lines, without their newline.
 *
 * A last line without a newline is a value too; nothing after a last newline is none. A carriage
 * return belongs to its line.
 */
#include "config.h"

#include "split.h"

#include <string.h>

bool split_lines(const char *data, size_t size, const struct split_sink *sink,
                 struct split_error *error)
{
    (void)error;
    const char *end = data + size;
    const char *told = data;
    for (const char *at = data; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;
        sink->value(sink->context, at, (size_t)(stop - at));
        at = newline ? newline + 1 : end;
        split_advance_to(sink, &told, at);
    }
    split_advance_end(sink, told, end);
    return true;
}

size_t split_lines_boundary(const char *data, size_t size, size_t at)
{
    if (at == 0 || at >= size || data[at - 1] == '\n')
        return at < size ? at : size;
    const char *newline = memchr(data + at, '\n', size - at);
    return newline ? (size_t)(newline - data) + 1 : size;
}
