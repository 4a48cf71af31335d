/*
 * split.h - cutting bytes into values.
 *
 * A format is a function that hands every value of some bytes to a sink, in order. The bytes of
 * a value are the sink's only during the call. JSON, CSV and XML are cut by yajl, libcsv and
 * expat; a build without one of them lacks that format.
 */
#ifndef STAT_SPLIT_H
#define STAT_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

struct split_sink {
    void (*value)(void *context, const char *data, size_t size);
    void (*advance)(void *context, size_t bytes); /* so many more bytes of the input are done */
    void *context;
};

/* Why bytes are not of the format. */
struct split_error {
    size_t line; /* from 1 */
    char reason[256];
};

struct split_format {
    const char *name;

    /* Hands all values to the sink. False where the bytes are malformed, with the error filled
       in; the values before that have been handed out. */
    bool (*split)(const char *data, size_t size, const struct split_sink *sink,
                  struct split_error *error);

    /* The first place at or after at where the bytes can be cut in two without cutting a value,
       size being one. NULL where only a reading from the start finds the values. */
    size_t (*boundary)(const char *data, size_t size, size_t at);

    bool can_be_malformed;
    const char *parser; /* the library that is missing where split is NULL */
};

/* NULL where there is no format of that name. */
const struct split_format *split_format_named(const char *name);

/* For the formats: how often they call advance, and the number of the line that holds data[at]. */
enum { SPLIT_ADVANCE_STEP = 1 << 18 };
size_t split_line_at(const char *data, size_t at);

/* For formats that walk the bytes: tells the sink of the way from *told to now, in large steps. */
static inline void split_advance_to(const struct split_sink *sink, const char **told,
                                    const char *now)
{
    if (now - *told >= SPLIT_ADVANCE_STEP) {
        sink->advance(sink->context, (size_t)(now - *told));
        *told = now;
    }
}

/* The same at the end, for the rest. */
static inline void split_advance_end(const struct split_sink *sink, const char *told,
                                     const char *end)
{
    if (end > told)
        sink->advance(sink->context, (size_t)(end - told));
}

bool split_lines(const char *, size_t, const struct split_sink *, struct split_error *);
bool split_words(const char *, size_t, const struct split_sink *, struct split_error *);
bool split_c(const char *, size_t, const struct split_sink *, struct split_error *);
bool split_csv(const char *, size_t, const struct split_sink *, struct split_error *);
bool split_json(const char *, size_t, const struct split_sink *, struct split_error *);
bool split_xml(const char *, size_t, const struct split_sink *, struct split_error *);

size_t split_lines_boundary(const char *data, size_t size, size_t at);
size_t split_words_boundary(const char *data, size_t size, size_t at);

#endif
