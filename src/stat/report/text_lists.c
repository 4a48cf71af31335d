/* SPDX-License-Identifier: MIT */
/* text_lists.c - places, values and histograms, for people. */
#include "config.h"

#include "stat/base/units.h"
#include "stat/report/bars.h"
#include "stat/report/quote.h"
#include "stat/report/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

enum { SAVED = 12, COUNT = 13, DISTINCT = 13, WIDTH_FOR_DISTINCT = 60 };

void text_places(const struct report *report, int width)
{
    const struct found *found = &report->found;
    struct found_place place;
    size_t at = 0;
    if (!report->place || !found_next_place(found, &at, &place))
        return;
    bool wide = width >= WIDTH_FOR_DISTINCT;
    text_heading("Where interning saves");
    printf("%*s%*s", SAVED, "saved", COUNT, "count");
    if (wide)
        printf("%*s", DISTINCT, "distinct");
    printf("  %s\n", wide ? report->place : "where");
    uint64_t listed = 0;
    do {
        double saved = report_place_saved(report, &place);
        printf("%*s%*s", SAVED, isfinite(saved) ? unit_bytes((int64_t)saved).text : "-", COUNT,
               unit_count(place.count).text);
        if (wide)
            printf("%*s", DISTINCT, unit_count(place.distinct).text);
        fputs("  ", stdout);
        quote_put(place.name, place.name_size, true,
                  width - SAVED - COUNT - (wide ? DISTINCT : 0) - 3);
        putchar('\n');
        listed++;
    } while (found_next_place(found, &at, &place));
    if (listed < found->numbers.place_count)
        printf("  and %s more\n", unit_count(found->numbers.place_count - listed).text);
}

void text_top(const struct report *report, int width)
{
    struct found_value value;
    size_t at = 0;
    if (!found_next_top(&report->found, &at, &value))
        return;
    text_heading("Values that save most");
    printf("%*s%*s  value\n", SAVED, "saved", COUNT, "count");
    do {
        printf("%*s%*s  ", SAVED, unit_bytes((int64_t)value.saved_bytes).text, COUNT,
               unit_count(value.count).text);
        quote_put(value.data, value.data_size, value.data_size == value.size,
                  width - SAVED - COUNT - 3);
        putchar('\n');
    } while (found_next_top(&report->found, &at, &value));
}

/* Histograms. */

static struct unit_text class_name(size_t number)
{
    struct unit_text result;
    uint64_t least = histogram_least(number);
    if (number < 2)
        snprintf(result.text, sizeof result.text, "%" PRIu64, least);
    else
        snprintf(result.text, sizeof result.text, "%" PRIu64 "-%" PRIu64, least, least * 2 - 1);
    return result;
}

static void put_histogram(const struct histogram_class *classes, int width)
{
    enum { CLASS = 12 };
    uint64_t most = 0;
    size_t first = HISTOGRAM_CLASSES, last = 0;
    for (size_t i = 0; i < HISTOGRAM_CLASSES; i++)
        if (classes[i].distinct > 0) {
            first = first < i ? first : i;
            last = i;
            most = most > classes[i].values ? most : classes[i].values;
        }
    for (size_t i = first; i <= last; i++) {
        printf("%*s%*s", CLASS, class_name(i).text, COUNT, unit_count(classes[i].values).text);
        int left = width - CLASS - COUNT;
        if (width >= WIDTH_FOR_DISTINCT) {
            printf("%*s", DISTINCT, unit_count(classes[i].distinct).text);
            left -= DISTINCT;
        }
        fputs("  ", stdout);
        bars_put((double)classes[i].values, (double)most, left - 3);
        putchar('\n');
    }
}

static void put_histogram_head(const char *what, int width)
{
    printf("%12s%*s", what, COUNT, "values");
    if (width >= WIDTH_FOR_DISTINCT)
        printf("%*s", DISTINCT, "distinct");
    putchar('\n');
}

void text_histograms(const struct report *report, int width)
{
    text_heading("How long they are");
    put_histogram_head("bytes", width);
    put_histogram(report->found.numbers.lengths, width);
    text_heading("How often they occur");
    put_histogram_head("times", width);
    put_histogram(report->found.numbers.repeats, width);
}
