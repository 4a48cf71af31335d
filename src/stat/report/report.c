/* SPDX-License-Identifier: MIT */
/* report.c - what the reports have in common: the numbers that follow from those measured. */
#include "config.h"

#include "stat/report/report.h"

#include <math.h>

/* Of a plain heap: the collector's heap grows by a block of 4 KiB for each size of object. */
enum { FEW_BYTES = 1 << 17 };

static double per(double amount, uint64_t count)
{
    return count ? amount / (double)count : (double)NAN;
}

/* Heap of a way without the pointers. */
static double value_bytes(const struct report *report, size_t way)
{
    uint64_t pointers = report->found.numbers.values * sizeof(void *);
    return (double)report->ways[way].typical.heap_bytes - (double)pointers;
}

bool report_has_few_values(const struct report *report)
{
    return report->ways[PLAIN].typical.heap_bytes < FEW_BYTES;
}

struct benefit report_benefit(const struct report *report, size_t way)
{
    const struct found_numbers *found = &report->found.numbers;
    const struct measurement *plain = &report->ways[PLAIN].typical;
    const struct measurement *other = &report->ways[way].typical;
    double bytes = value_bytes(report, way);
    bool few = report_has_few_values(report);
    struct benefit benefit = {
        .saved_bytes = (int64_t)plain->heap_bytes - (int64_t)other->heap_bytes,
        .saved_percent = (double)NAN,
        .bytes_a_value = few && way != PLAIN ? (double)NAN : per(bytes, found->values),
        .pays_from = few ? (double)NAN : per(bytes, found->distinct_plain_bytes),
        .seconds_a_million = per(other->seconds * 1e6, found->values),
    };
    if (!few)
        benefit.saved_percent = 100.0 * (double)benefit.saved_bytes / (double)plain->heap_bytes;
    return benefit;
}

double report_repeats(const struct report *report)
{
    return per((double)report->found.numbers.values, report->found.numbers.distinct);
}

double report_place_saved(const struct report *report, const struct found_place *place)
{
    const struct found_numbers *found = &report->found.numbers;
    /* What a handle takes beside its value's bytes, on average over all of them. */
    double beside = per(value_bytes(report, INTERNED) - (double)found->distinct_bytes,
                        found->distinct);
    double interned = (double)place->distinct_bytes + (double)place->distinct * beside;
    return report_has_few_values(report) ? (double)NAN : (double)place->plain_bytes - interned;
}

double report_values_per_second(const struct report *report)
{
    double seconds = report->ways[INTERNED].typical.seconds;
    return seconds > 0 ? (double)report->found.numbers.values / seconds : 0;
}
