/* SPDX-License-Identifier: MIT */
/*
 * split.h - cutting the bytes of a file into values.
 *
 * A format is a function that hands every value of a source to a sink, in order, with the place
 * where it stands: a column, a key, an element. The bytes of a value are the sink's only during
 * the call. JSON and XML are cut by JSON for Modern C++ and expat; a build without one of them
 * lacks that format.
 */
#ifndef STAT_SPLIT_SPLIT_H
#define STAT_SPLIT_SPLIT_H

#include "stat/input/source.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SPLIT_NO_PLACE = 0 };

struct split_sink {
    void (*value)(void *context, uint32_t place, const char *data, size_t size);
    uint32_t (*place)(void *context, const char *name, size_t size); /* the same for one name */
    void (*advance)(void *context); /* after each piece of the input */
    void *context;
};

enum { SPLIT_ANY_DELIMITER = 0 };

/* One file that is being cut. */
struct splitting {
    struct source *source;
    const struct split_sink *sink;

    char delimiter; /* of CSV; SPLIT_ANY_DELIMITER: the format finds it, and leaves it here */

    /* Why the bytes are not of the format. */
    size_t line; /* from 1; 0: reading failed, in no line */
    char reason[256];
};

struct split_format {
    const char *name;

    /* Hands all values to the sink. False if the bytes are malformed or cannot be read, with line
       and reason filled in; the values before that have been handed out. */
    bool (*split)(struct splitting *splitting);

    enum source_encoding encoding;
    const char *place;  /* what a place is called; NULL: values have none */
    const char *parser; /* the library that is missing if split is NULL */
};

/* NULL if there is no format of that name. */
const struct split_format *split_format_named(const char *name);

/* For the formats. */

/* As source_next and source_peek; false: reading failed, and that is filled in. */
bool split_next(struct splitting *splitting, struct piece *piece);
bool split_peek(struct splitting *splitting, size_t wanted, struct piece *piece);

/* All the bytes in one piece of memory, which the caller frees. */
bool split_read_all(struct splitting *splitting, struct bytes *all);

/* Fills in why the bytes are malformed; returns false. */
bool split_fail(struct splitting *splitting, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

size_t split_count_lines(const char *data, size_t size); /* newlines */

static inline void split_put(const struct splitting *splitting, uint32_t place, const char *data,
                             size_t size)
{
    splitting->sink->value(splitting->sink->context, place, data, size);
}

static inline uint32_t split_place(const struct splitting *splitting, const char *name, size_t size)
{
    return splitting->sink->place(splitting->sink->context, name, size);
}

bool split_lines(struct splitting *splitting);
bool split_words(struct splitting *splitting);
bool split_c(struct splitting *splitting);
bool split_csv(struct splitting *splitting);
bool split_json(struct splitting *splitting);
bool split_xml(struct splitting *splitting);

#endif
