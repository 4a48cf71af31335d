/* SPDX-License-Identifier: MIT */
/*
 * csv.c - values are the fields of comma separated values, cut by libcsv.
 *
 * As RFC 4180 has it: blanks belong to their field, a quote inside a bare field and a quoted
 * field that never ends are errors. Empty fields are values, empty lines hold none. The delimiter
 * and the header line are found as csv_guess.h says. Between tabs, quotes are not that strict:
 * csv_tabs.h.
 */
#include "config.h"

#ifdef HAVE_LIBCSV

#include "stat/base/message.h"
#include "stat/split/csv_guess.h"
#include "stat/split/csv_tabs.h"
#include "stat/split/split.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libcsv grows its field buffer by this much at a time; its own 128 bytes make long fields slow. */
enum { FIELD_BLOCK = 1 << 16 };

struct reading {
    struct splitting *splitting;
    struct csv_parser parser; /* unless the delimiter is a tab */
    struct csv_tabs tabs;     /* if it is one */
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

/* Hands the bytes to the one parser or the other. */
static bool parse_line(struct reading *reading, const char *line, size_t length)
{
    if (reading->splitting->delimiter == '\t') {
        csv_tabs_parse(&reading->tabs, line, length);
        return true;
    }
    if (csv_parse(&reading->parser, line, length, on_field, on_record, reading) == length)
        return true;
    if (csv_error(&reading->parser) != CSV_EPARSE)
        out_of_memory();
    return split_fail(reading->splitting, reading->line,
                      "a quote inside a field must be doubled, and the field quoted");
}

/* Goes line by line, so that the line of an error is known; an open quote is reported where its
   record begins. */
static bool parse_piece(struct reading *reading, const struct piece *piece)
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
        if (!parse_line(reading, at, length))
            return false;
        /* An empty line ends no record of libcsv's, and begins none. */
        if (reading->at_line_start && is_empty_line(at, length) &&
            reading->record_line == reading->line)
            reading->between_records = true;
        reading->at_line_start = newline != NULL;
        at += length;
    }
    return true;
}

static bool finish(struct reading *reading)
{
    bool well = reading->splitting->delimiter == '\t'
                    ? csv_tabs_finish(&reading->tabs)
                    : csv_fini(&reading->parser, on_field, on_record, reading) == 0;
    if (well)
        return true;
    if (reading->splitting->delimiter != '\t' && csv_error(&reading->parser) != CSV_EPARSE)
        out_of_memory();
    return split_fail(reading->splitting, reading->record_line,
                      "the record that begins here has no closing quote");
}

static bool parse(struct reading *reading)
{
    struct piece piece;
    do {
        if (!split_next(reading->splitting, &piece) || !parse_piece(reading, &piece))
            return false;
    } while (piece.size > 0);
    return finish(reading);
}

static void start_parsers(struct reading *reading)
{
    reading->tabs = (struct csv_tabs){ .field = on_field, .record = on_record, .context = reading };
    if (csv_init(&reading->parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
        out_of_memory();
    csv_set_space_func(&reading->parser, no_space);
    csv_set_blk_size(&reading->parser, FIELD_BLOCK);
    csv_set_delim(&reading->parser, (unsigned char)reading->splitting->delimiter);
}

bool split_csv(struct splitting *splitting)
{
    struct csv_guess guess;
    if (!csv_guess(splitting, &guess))
        return false;
    splitting->delimiter = guess.delimiter;
    static const char header[] = "(header)";
    struct reading reading = {
        .splitting = splitting,
        .in_header = guess.has_header,
        .header_place = split_place(splitting, header, sizeof header - 1),
        .at_line_start = true,
    };
    start_parsers(&reading);
    bool well = parse(&reading);
    csv_free(&reading.parser);
    csv_tabs_free(&reading.tabs);
    free(reading.places);
    return well;
}

#else
typedef int no_csv_in_this_build;
#endif
