/*
 * report.h - what was measured, for people and for programs.
 */
#ifndef STAT_REPORT_H
#define STAT_REPORT_H

#include "bytes.h"
#include "measure.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct report {
    const char *split;
    unsigned threads;
    size_t files; /* that were done */
    uint64_t input_bytes;
    struct measurement plain;
    struct measurement interned;
    struct bytes top; /* records of rank.h */
    bool reclaim;
};

/* One of the values that save most. data points into the report. */
struct report_top {
    uint64_t count;
    uint64_t saved_bytes;
    const char *data;
    size_t size;
};

/* Steps through the top values, from *at = 0 on; false after the last. */
bool report_next_top(const struct report *report, size_t *at, struct report_top *top);

int64_t report_saved_bytes(const struct report *report); /* below zero where interning costs */
double report_saved_percent(const struct report *report);
double report_values_per_second(const struct report *report);

/* Both write to standard output and leave its errors to the caller. */
void report_text(const struct report *report);
void report_json(const struct report *report);

#endif
