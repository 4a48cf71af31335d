/* SPDX-License-Identifier: MIT */
/* split.c - the formats by name, and what they share. */
#include "config.h"

#include "stat/split/split.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifndef HAVE_JSON
#define split_json NULL
#endif
#ifndef HAVE_EXPAT
#define split_xml NULL
#endif

static const struct split_format formats[] = {
    { "lines", split_lines, SOURCE_MARK, NULL, NULL },
    { "words", split_words, SOURCE_MARK, NULL, NULL },
    { "csv", split_csv, SOURCE_MARK_OR_ZEROS, "column", NULL },
    { "json", split_json, SOURCE_ASCII_FIRST, "key", "nlohmann-json" },
    { "xml", split_xml, SOURCE_ASCII_FIRST, "element or attribute", "expat" },
    { "c", split_c, SOURCE_MARK_OR_ZEROS, NULL, NULL },
};

const struct split_format *split_format_named(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

static bool reading_failed(struct splitting *splitting)
{
    return split_fail(splitting, 0, "%s", splitting->source->report.reason);
}

bool split_peek(struct splitting *splitting, size_t wanted, struct piece *piece)
{
    return source_peek(splitting->source, wanted, piece) || reading_failed(splitting);
}

bool split_next(struct splitting *splitting, struct piece *piece)
{
    if (!source_next(splitting->source, piece))
        return reading_failed(splitting);
    splitting->sink->advance(splitting->sink->context);
    return true;
}

bool split_read_all(struct splitting *splitting, struct bytes *all)
{
    struct piece piece;
    bool well;
    while ((well = split_next(splitting, &piece)) && piece.size > 0)
        bytes_append(all, piece.data, piece.size);
    return well;
}

bool split_fail(struct splitting *splitting, size_t line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(splitting->reason, sizeof splitting->reason, format, arguments);
    va_end(arguments);
    splitting->line = line;
    return false;
}

size_t split_count_lines(const char *data, size_t size)
{
    size_t lines = 0;
    const char *end = data + size;
    while (data < end && (data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
        lines++;
        data++;
    }
    return lines;
}
