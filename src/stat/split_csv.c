/*
 * split_csv.c - values are the fields of comma separated values, cut by libcsv.
 *
 * As RFC 4180 has it: blanks belong to their field, a quote inside a bare field and a quoted
 * field that never ends are errors. Empty fields are values, empty lines hold none.
 */
#include "config.h"

#ifdef HAVE_LIBCSV

#include "message.h"
#include "split.h"

#include <csv.h>
#include <stdio.h>
#include <string.h>

/* libcsv grows its field buffer by this much at a time; its own 128 bytes make long fields slow. */
enum { FIELD_BLOCK = 1 << 16 };

struct reading {
    const struct split_sink *sink;
    bool between_records; /* the last byte ended a record */
};

static void on_field(void *data, size_t size, void *context)
{
    struct reading *reading = context;
    const struct split_sink *sink = reading->sink;
    sink->value(sink->context, data ? data : "", size);
}

static void on_record(int terminator, void *context)
{
    (void)terminator;
    struct reading *reading = context;
    reading->between_records = true;
}

/* Blanks at the ends of a field are part of it. */
static int no_space(unsigned char c)
{
    (void)c;
    return 0;
}

static void describe(struct split_error *error, size_t line, const char *reason)
{
    error->line = line;
    snprintf(error->reason, sizeof error->reason, "%s", reason);
}

static bool is_empty_line(const char *line, size_t length)
{
    return (length == 1 && line[0] == '\n') || (length == 2 && line[0] == '\r' && line[1] == '\n');
}

/* Goes line by line, so that the line of an error is known; an open quote is reported where its
   record begins. */
static bool parse(struct csv_parser *parser, struct reading *reading, const char *data,
                  size_t size, struct split_error *error)
{
    const char *end = data + size;
    const char *told = data;
    size_t line = 0;
    size_t record_line = 1;
    for (const char *at = data; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline + 1 : end) - at);
        line++;
        if (reading->between_records || line == 1)
            record_line = line;
        reading->between_records = false;
        if (csv_parse(parser, at, length, on_field, on_record, reading) != length) {
            if (csv_error(parser) != CSV_EPARSE)
                out_of_memory();
            describe(error, line, "a quote inside a field has to be doubled, in a quoted field");
            return false;
        }
        /* An empty line ends no record of libcsv's, and begins none. */
        if (is_empty_line(at, length) && record_line == line)
            reading->between_records = true;
        at += length;
        split_advance_to(reading->sink, &told, at);
    }
    if (csv_fini(parser, on_field, on_record, reading) != 0) {
        if (csv_error(parser) != CSV_EPARSE)
            out_of_memory();
        describe(error, record_line, "the record that begins here has a quote that never ends");
        return false;
    }
    split_advance_end(reading->sink, told, end);
    return true;
}

bool split_csv(const char *data, size_t size, const struct split_sink *sink,
               struct split_error *error)
{
    struct csv_parser parser;
    if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        out_of_memory();
    csv_set_space_func(&parser, no_space);
    csv_set_blk_size(&parser, FIELD_BLOCK);
    struct reading reading = { sink, false };
    bool well_formed = parse(&parser, &reading, data, size, error);
    csv_free(&parser);
    return well_formed;
}

#else
typedef int no_csv_in_this_build;
#endif
