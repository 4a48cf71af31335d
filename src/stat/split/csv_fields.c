/* SPDX-License-Identifier: MIT */
/* csv_fields.c - the fields of delimited text. */
#include "config.h"

#include "stat/split/csv_fields.h"

#include <string.h>

static void begin_record(struct csv_fields *fields)
{
    if (!fields->in_record)
        fields->record_line = fields->line;
    fields->in_record = true;
}

/* Of what the field has so far, and some more. */
static void end_field(struct csv_fields *fields, const char *more, size_t size, char end)
{
    if (fields->text.size == 0) {
        fields->field(more, size, end, fields->context);
    } else {
        bytes_append(&fields->text, more, size);
        fields->field(fields->text.data, fields->text.size, end, fields->context);
        fields->text.size = 0;
    }
    fields->state = CSV_START;
}

static void end_record(struct csv_fields *fields, const char *more, size_t size)
{
    if (!fields->in_record)
        return;
    end_field(fields, more, size, '\n');
    fields->record(fields->context);
    fields->in_record = false;
}

/* Up to the end of the data, or to the next quote, and over it. */
static const char *take_quoted(struct csv_fields *fields, const char *at, const char *end)
{
    const char *quote = memchr(at, '"', (size_t)(end - at));
    const char *stop = quote ? quote : end;
    bytes_append(&fields->text, at, (size_t)(stop - at));
    while ((at = memchr(at, '\n', (size_t)(stop - at)))) {
        fields->line++;
        at++;
    }
    if (!quote)
        return end;
    fields->state = CSV_QUOTE;
    return quote + 1;
}

static void take_quote(struct csv_fields *fields)
{
    begin_record(fields);
    if (fields->state == CSV_START) {
        fields->state = CSV_QUOTED;
        return;
    }
    if (fields->state == CSV_QUOTE)
        fields->state = CSV_QUOTED;
    bytes_append(&fields->text, "\"", 1);
}

/* A run of plain characters, and what ends it. */
static const char *take_bare(struct csv_fields *fields, const char *at, const char *end)
{
    const char *stop = at;
    while (stop < end && !fields->ends_run[(unsigned char)*stop])
        stop++;
    size_t size = (size_t)(stop - at);
    if (size > 0)
        begin_record(fields);
    if (stop == end || *stop == '"') {
        bytes_append(&fields->text, at, size);
        if (size > 0)
            fields->state = CSV_BARE;
        if (stop == end)
            return end;
        take_quote(fields);
    } else if (*stop == '\n' || *stop == '\r') {
        end_record(fields, at, size);
        fields->line += *stop == '\n';
    } else {
        begin_record(fields);
        end_field(fields, at, size, *stop);
    }
    return stop + 1;
}

void csv_fields_start(struct csv_fields *fields, const char *delimiters)
{
    for (; *delimiters; delimiters++)
        fields->ends_run[(unsigned char)*delimiters] = true;
    for (const char *others = "\"\n\r"; *others; others++)
        fields->ends_run[(unsigned char)*others] = true;
    fields->line = 1;
}

void csv_fields_parse(struct csv_fields *fields, const char *data, size_t size)
{
    const char *end = data + size;
    for (const char *at = data; at < end;)
        at = fields->state == CSV_QUOTED ? take_quoted(fields, at, end)
                                         : take_bare(fields, at, end);
}

bool csv_fields_finish(struct csv_fields *fields)
{
    if (fields->state == CSV_QUOTED)
        return false;
    end_record(fields, "", 0);
    return true;
}

void csv_fields_free(struct csv_fields *fields)
{
    bytes_free(&fields->text);
}
