/* SPDX-License-Identifier: MIT */
/*
 * report.h - what was found and measured, for people and for programs.
 */
#ifndef STAT_REPORT_REPORT_H
#define STAT_REPORT_REPORT_H

#include "stat/measure/measure.h"
#include "stat/values/found.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The ways stand in this order; the last two are missing in a build without GLib. */
enum { PLAIN, INTERNED, FIRST_OTHER, REPORT_MOST_WAYS = 4 };

struct report {
    const char *split;
    const char *place; /* what a place is called; NULL: values have none */
    unsigned threads, rounds;
    size_t min_length;
    bool reclaim;
    struct found found;
    struct measured_way ways[REPORT_MOST_WAYS];
    size_t way_count;
};

/* Whether the values take so little heap that the steps in which heaps grow hide what they cost.
   There are no percentages and no advice then. */
bool report_has_few_values(const struct report *report);

/* What one of the ways brings, beside the plain one. Bytes a value are without its pointer, which
   every way needs. NaN: there is no such number, as without any value. */
struct benefit {
    int64_t saved_bytes;  /* of heap; negative: the way takes more */
    double saved_percent; /* of the plain heap */
    double bytes_a_value;
    double pays_from; /* how often values have to occur, on average, for the way to save heap */
    double seconds_a_million; /* of processor time, to keep a million values */
};

struct benefit report_benefit(const struct report *report, size_t way);

/* How often a value occurs, on average; NaN without any. */
double report_repeats(const struct report *report);

/* Bytes of heap that would be saved if the values of this place alone were interned. */
double report_place_saved(const struct report *report, const struct found_place *place);

double report_values_per_second(const struct report *report); /* interned; 0: not measured */

/* Both write to standard output and leave its errors to the caller. */
void report_text(const struct report *report);
void report_json(const struct report *report);

#endif
