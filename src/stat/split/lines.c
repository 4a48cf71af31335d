/* SPDX-License-Identifier: MIT */
/*
 * lines.c - values are lines, without their newline.
 *
 * A last line without a newline is a value too; nothing after a last newline is none. A carriage
 * return belongs to its line.
 */
#include "config.h"

#include "stat/split/split.h"

#include <string.h>

/* Hands out the lines that end in the piece; begun holds the line that has begun before it. */
static void put_lines(struct splitting *splitting, const struct piece *piece, struct bytes *begun)
{
    const char *at = piece->data;
    const char *end = at + piece->size;
    for (const char *newline; at < end; at = newline + 1) {
        newline = memchr(at, '\n', (size_t)(end - at));
        if (!newline || begun->size > 0)
            bytes_append(begun, at, (size_t)((newline ? newline : end) - at));
        if (!newline)
            break;
        if (begun->size > 0)
            split_put(splitting, SPLIT_NO_PLACE, begun->data, begun->size);
        else
            split_put(splitting, SPLIT_NO_PLACE, at, (size_t)(newline - at));
        begun->size = 0;
    }
}

bool split_lines(struct splitting *splitting)
{
    struct bytes begun = { NULL, 0, 0 };
    struct piece piece;
    bool well;
    while ((well = split_next(splitting, &piece)) && piece.size > 0)
        put_lines(splitting, &piece, &begun);
    if (well && begun.size > 0)
        split_put(splitting, SPLIT_NO_PLACE, begun.data, begun.size);
    bytes_free(&begun);
    return well;
}
