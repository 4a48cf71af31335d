/* SPDX-License-Identifier: MIT */
/*
 * csv.c - values are the fields of comma separated values.
 *
 * Fields as csv_fields.h says; a quoted field that never ends is an error. Empty fields are values,
 * empty lines hold none. The delimiter and the header line are found as csv_guess.h says.
 */
#include "config.h"

#include "stat/base/message.h"
#include "stat/split/csv_fields.h"
#include "stat/split/csv_guess.h"
#include "stat/split/split.h"

#include <stdio.h>
#include <stdlib.h>

struct reading {
    struct splitting *splitting;
    struct csv_fields fields;
    bool in_header;
    uint32_t header_place;
    uint32_t *places; /* of the columns that have been seen */
    size_t known;
    size_t column;
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

static void on_field(const char *text, size_t size, char end, void *context)
{
    (void)end;
    struct reading *reading = context;
    if (reading->in_header)
        add_column(reading, text, size);
    else if (reading->column == reading->known)
        add_column(reading, NULL, 0);
    uint32_t place = reading->in_header ? reading->header_place : reading->places[reading->column];
    reading->column++;
    split_put(reading->splitting, place, text, size);
}

static void on_record(void *context)
{
    struct reading *reading = context;
    reading->in_header = false;
    reading->column = 0;
}

static bool parse(struct reading *reading)
{
    struct piece piece;
    do {
        if (!split_next(reading->splitting, &piece))
            return false;
        csv_fields_parse(&reading->fields, piece.data, piece.size);
    } while (piece.size > 0);
    return csv_fields_finish(&reading->fields) ||
           split_fail(reading->splitting, reading->fields.record_line,
                      "the record that begins here has no closing quote");
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
    };
    reading.fields = (struct csv_fields){ .field = on_field,
                                          .record = on_record,
                                          .context = &reading };
    csv_fields_start(&reading.fields, (const char[]){ guess.delimiter, '\0' });
    bool well = parse(&reading);
    csv_fields_free(&reading.fields);
    free(reading.places);
    return well;
}
