/* SPDX-License-Identifier: MIT */
/*
 * csv.c - values are the fields of comma separated values, cut by libcsv.
 *
 * As RFC 4180 has it: blanks belong to their field, a quote inside a bare field and a quoted
 * field that never ends are errors. Empty fields are values, empty lines hold none. The delimiter
 * and the header line are found as csv_guess.h says. Between tabs a quote inside a field is a
 * character as any other: much of what writes such files knows no quotes.
 */
#include "config.h"

#ifdef HAVE_LIBCSV

#include "stat/base/message.h"
#include "stat/split/csv_guess.h"
#include "stat/split/split.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libcsv grows its field buffer by this much at a time; its own 128 bytes make long fields slow. */
enum { FIELD_BLOCK = 1 << 16 };

struct reading {
    struct splitting *splitting;
    bool in_header;
    uint32_t header_place;
    uint32_t *places; /* of the columns that have been seen */
    size_t known;
    size_t column;
    bool between_records; /* the last byte ended a record */
    bool at_line_start;
    size_t line;        /* that is being read, from 1 */
    size_t record_line; /* where its record begins */
};

/* The first record in its order says how many columns there are; later ones may have more. */
static void add_column(struct reading *reading, const char *name, size_t size)
{
    char number[32];
    if (!name) {
        name = number;
        size = (size_t)snprintf(number, sizeof number, "%zu", reading->known + 1);
    }
    reading->places =
        need_resized(reading->places, (reading->known + 1) * sizeof *reading->places);
    reading->places[reading->known++] = split_place(reading->splitting, name, size);
}

static void on_field(void *data, size_t size, void *context)
{
    struct reading *reading = context;
    const char *text = data ? data : "";
    if (reading->in_header)
        add_column(reading, text, size);
    else if (reading->column == reading->known)
        add_column(reading, NULL, 0);
    uint32_t place = reading->in_header ? reading->header_place : reading->places[reading->column];
    reading->column++;
    split_put(reading->splitting, place, text, size);
}

static void on_record(int terminator, void *context)
{
    (void)terminator;
    struct reading *reading = context;
    reading->between_records = true;
    reading->in_header = false;
    reading->column = 0;
}

/* Blanks at the ends of a field are part of it. */
static int no_space(unsigned char c)
{
    (void)c;
    return 0;
}

static bool is_empty_line(const char *line, size_t length)
{
    return (length == 1 && line[0] == '\n') || (length == 2 && line[0] == '\r' && line[1] == '\n');
}

/* Goes line by line, so that the line of an error is known; an open quote is reported where its
   record begins. */
static bool parse_piece(struct csv_parser *parser, struct reading *reading,
                        const struct piece *piece)
{
    const char *end = piece->data + piece->size;
    for (const char *at = piece->data; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline ? newline + 1 : end) - at);
        if (reading->at_line_start) {
            reading->line++;
            if (reading->between_records || reading->line == 1)
                reading->record_line = reading->line;
            reading->between_records = false;
        }
        if (csv_parse(parser, at, length, on_field, on_record, reading) != length) {
            if (csv_error(parser) != CSV_EPARSE)
                out_of_memory();
            return split_fail(reading->splitting, reading->line,
                              "a quote inside a field has to be doubled, in a quoted field");
        }
        /* An empty line ends no record of libcsv's, and begins none. */
        if (reading->at_line_start && is_empty_line(at, length) &&
            reading->record_line == reading->line)
            reading->between_records = true;
        reading->at_line_start = newline != NULL;
        at += length;
    }
    return true;
}

static bool parse(struct csv_parser *parser, struct reading *reading)
{
    struct splitting *splitting = reading->splitting;
    struct piece piece;
    do {
        if (!split_next(splitting, &piece) || !parse_piece(parser, reading, &piece))
            return false;
    } while (piece.size > 0);
    if (csv_fini(parser, on_field, on_record, reading) == 0)
        return true;
    if (csv_error(parser) != CSV_EPARSE)
        out_of_memory();
    return split_fail(splitting, reading->record_line,
                      "the record that begins here has a quote that never ends");
}

bool split_csv(struct splitting *splitting)
{
    struct csv_guess guess;
    if (!csv_guess(splitting, &guess))
        return false;
    splitting->delimiter = guess.delimiter;

    struct csv_parser parser;
    unsigned char strict = guess.delimiter == '\t' ? 0 : CSV_STRICT;
    if (csv_init(&parser, strict | CSV_STRICT_FINI) != 0)
        out_of_memory();
    csv_set_space_func(&parser, no_space);
    csv_set_blk_size(&parser, FIELD_BLOCK);
    csv_set_delim(&parser, (unsigned char)guess.delimiter);
    static const char header[] = "(header)";
    struct reading reading = {
        .splitting = splitting,
        .in_header = guess.has_header,
        .header_place = split_place(splitting, header, sizeof header - 1),
        .at_line_start = true,
    };
    bool well = parse(&parser, &reading);
    csv_free(&parser);
    free(reading.places);
    return well;
}

#else
typedef int no_csv_in_this_build;
#endif
