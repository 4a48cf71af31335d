/* SPDX-License-Identifier: MIT */
/*
 * csv_tabs.h - fields between tabs.
 *
 * A field that begins with a quote goes on to the next quote that is not doubled, over tabs and
 * newlines; what stands between that quote and the next tab is part of the field. A quote anywhere
 * else is a character: much of what writes such files knows no quotes.
 */
#ifndef STAT_SPLIT_CSV_TABS_H
#define STAT_SPLIT_CSV_TABS_H

#include "stat/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>

struct csv_tabs {
    /* Are called for each field, and at the end of each record, with the context. */
    void (*field)(void *data, size_t size, void *context);
    void (*record)(int terminator, void *context);
    void *context;

    struct bytes text; /* of the field so far */
    enum { CSV_TABS_START, CSV_TABS_BARE, CSV_TABS_QUOTED, CSV_TABS_QUOTE } state;
    bool in_record; /* something of one was read: an empty line is none */
};

void csv_tabs_parse(struct csv_tabs *tabs, const char *data, size_t size);

/* The end of the file; false if it ends inside quotes. */
bool csv_tabs_finish(struct csv_tabs *tabs);

void csv_tabs_free(struct csv_tabs *tabs);

#endif
