/* SPDX-License-Identifier: MIT */
/*
 * csv_fields.h - the fields of delimited text.
 *
 * A field that begins with a quote goes on to the next quote that is not doubled, over delimiters
 * and line ends; what stands between that quote and the next delimiter is part of the field. A
 * quote anywhere else is a character: much of what writes such files knows no quotes. Blanks
 * belong to their field. Python's csv module reads the same.
 */
#ifndef STAT_SPLIT_CSV_FIELDS_H
#define STAT_SPLIT_CSV_FIELDS_H

#include "stat/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

struct csv_fields {
    /* Are called for each field, with the delimiter behind it or a newline, and at the end of each
       record, with the context. */
    void (*field)(const char *text, size_t size, char end, void *context);
    void (*record)(void *context);
    void *context;

    bool ends_run[256]; /* delimiters, quote, line ends: what is no plain character */
    struct bytes text;  /* of the field so far */
    enum { CSV_START, CSV_BARE, CSV_QUOTED, CSV_QUOTE } state;
    bool in_record; /* something of one was read: an empty line is none */
    size_t line;    /* that is being read, from 1 */
    size_t record_line; /* in which its record begins */
};

/* What is not named is 0. Each character of the string is a delimiter. */
void csv_fields_start(struct csv_fields *fields, const char *delimiters);

void csv_fields_parse(struct csv_fields *fields, const char *data, size_t size);

/* The end of the file; false if it ends inside quotes. */
bool csv_fields_finish(struct csv_fields *fields);

void csv_fields_free(struct csv_fields *fields);

#endif
