/* SPDX-License-Identifier: MIT */
/*
 * json.c - the report as one JSON object.
 *
 * It is valid JSON for every value: each byte of a value that is not UTF-8 is written as U+FFFD.
 * Nothing sets the locale of numbers, so their decimal point is a point. What there is no number
 * for is null.
 */
#include "config.h"

#include "stat/report/report.h"

#include "stat/base/utf8.h"
#include "stat/report/verdict.h"

#include <hapax.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static void put_string(const char *data, size_t size)
{
    putchar('"');
    for (size_t at = 0; at < size;) {
        size_t length = utf8_length(data + at, size - at);
        unsigned char first = (unsigned char)data[at];
        if (length == 0)
            fputs("\\ufffd", stdout);
        else if (first == '"' || first == '\\')
            printf("\\%c", first);
        else if (first < 0x20 || first == 0x7f)
            printf("\\u%04x", (unsigned)first);
        else
            fwrite(data + at, 1, length, stdout);
        at += length ? length : 1;
    }
    putchar('"');
}

/* Members are written one behind the other; each key brings the text that stands before it. */

static void put_text(const char *key, const char *text)
{
    printf("%s: ", key);
    put_string(text, strlen(text));
}

static void put_count(const char *key, uint64_t number)
{
    printf("%s: %" PRIu64, key, number);
}

static void put_real(const char *key, double number)
{
    if (isfinite(number))
        printf("%s: %.9g", key, number);
    else
        printf("%s: null", key);
}

static void put_rounded(const char *key, double number)
{
    if (isfinite(number))
        printf("%s: %.0f", key, number);
    else
        printf("%s: null", key);
}

static void put_way(const struct report *report, size_t number)
{
    const struct measured_way *way = &report->ways[number];
    struct benefit benefit = report_benefit(report, number);
    put_text("\"way\"", way->way->name);
    put_count(", \"heap_bytes\"", way->typical.heap_bytes);
    put_count(", \"rss_bytes\"", way->typical.rss_bytes);
    put_real(", \"seconds\"", way->typical.seconds);
    put_real(", \"seconds_least\"", way->seconds_least);
    put_real(", \"seconds_most\"", way->seconds_most);
    put_real(", \"wall_seconds\"", way->typical.wall_seconds);
    put_real(", \"bytes_a_value\"", benefit.bytes_a_value);
}

static void put_benefit(const struct benefit *benefit)
{
    printf(", \"saved_bytes\": %" PRId64, benefit->saved_bytes);
    put_real(", \"saved_percent\"", benefit->saved_percent);
    put_real(", \"pays_from\"", benefit->pays_from);
}

static void put_ways(const struct report *report)
{
    const struct measurement *interned = &report->ways[INTERNED].typical;
    fputs(",\n  \"plain\": {", stdout);
    put_way(report, PLAIN);
    fputs("},\n  \"interned\": {", stdout);
    put_way(report, INTERNED);
    put_count(", \"fixed_bytes\"", interned->fixed_bytes);
    put_count(", \"collections\"", interned->collections);
    put_real(", \"collector_seconds\"", interned->collector_seconds);
    putchar('}');
}

static void put_others(const struct report *report)
{
    fputs(",\n  \"others\": [", stdout);
    for (size_t i = FIRST_OTHER; i < report->way_count; i++) {
        fputs(i > FIRST_OTHER ? ",\n    {" : "\n    {", stdout);
        put_way(report, i);
        struct benefit benefit = report_benefit(report, i);
        put_benefit(&benefit);
        putchar('}');
    }
    putchar(']');
}

static void put_verdict(const struct report *report)
{
    fputs(",\n  \"verdict\": {", stdout);
    put_text("\"advice\"", verdict_name(verdict_of(report)));
    put_real(", \"repeats\"", report_repeats(report));
    put_real(", \"pays_from\"", report_benefit(report, INTERNED).pays_from);
    put_text(", \"sentence\"", verdict_sentence(report).text);
    putchar('}');
}

static void put_places(const struct report *report)
{
    struct found_place place;
    const char *separator = "\n    ";
    put_count(",\n  \"place_count\"", report->found.numbers.place_count);
    fputs(",\n  \"places\": [", stdout);
    for (size_t at = 0; found_next_place(&report->found, &at, &place);) {
        printf("%s{\"place\": ", separator);
        put_string(place.name, place.name_size);
        put_count(", \"count\"", place.count);
        put_count(", \"distinct\"", place.distinct);
        put_rounded(", \"saved_bytes\"", report_place_saved(report, &place));
        putchar('}');
        separator = ",\n    ";
    }
    putchar(']');
}

static void put_histogram(const char *key, const struct histogram_class *classes)
{
    const char *separator = "\n    ";
    printf("%s: [", key);
    for (size_t i = 0; i < HISTOGRAM_CLASSES; i++) {
        if (classes[i].distinct == 0)
            continue;
        fputs(separator, stdout);
        put_count("{\"from\"", histogram_least(i));
        put_count(", \"count\"", classes[i].values);
        put_count(", \"distinct\"", classes[i].distinct);
        putchar('}');
        separator = ",\n    ";
    }
    putchar(']');
}

static void put_top(const struct report *report)
{
    struct found_value value;
    const char *separator = "\n    ";
    fputs(",\n  \"top\": [", stdout);
    for (size_t at = 0; found_next_top(&report->found, &at, &value);) {
        printf("%s{\"value\": ", separator);
        put_string(value.data, value.data_size);
        put_count(", \"count\"", value.count);
        put_count(", \"size\"", value.size);
        put_count(", \"saved_bytes\"", value.saved_bytes);
        putchar('}');
        separator = ",\n    ";
    }
    putchar(']');
}

static void put_reclaimed(const struct way_reclaimed *reclaimed)
{
    fputs(",\n  \"reclaim\": {", stdout);
    put_count("\"evicted\"", reclaimed->evicted);
    put_real(", \"seconds\"", reclaimed->seconds);
    put_count(", \"heap_bytes\"", reclaimed->heap_bytes);
    put_count(", \"heap_left_bytes\"", reclaimed->heap_left_bytes);
    putchar('}');
}

void report_json(const struct report *report)
{
    const struct found_numbers *found = &report->found.numbers;
    struct benefit benefit = report_benefit(report, INTERNED);
    put_text("{\n  \"version\"", hapax_version());
    put_text(",\n  \"split\"", report->split);
    if (found->delimiters[0])
        put_text(",\n  \"delimiters\"", found->delimiters);
    put_count(",\n  \"threads\"", report->threads);
    put_count(",\n  \"rounds\"", report->rounds);
    put_count(",\n  \"files\"", found->files);
    put_count(",\n  \"files_left_out\"", found->refused);
    put_count(",\n  \"input_bytes\"", found->input_bytes);
    put_count(",\n  \"values\"", found->values);
    put_count(",\n  \"values_left_out\"", found->short_values);
    put_count(",\n  \"distinct\"", found->distinct);
    put_count(",\n  \"distinct_bytes\"", found->distinct_bytes);
    put_ways(report);
    printf(",\n  \"saved_bytes\": %" PRId64, benefit.saved_bytes);
    put_real(",\n  \"saved_percent\"", benefit.saved_percent);
    put_real(",\n  \"values_per_second\"", report_values_per_second(report));
    put_verdict(report);
    if (report->place)
        put_places(report);
    put_histogram(",\n  \"lengths\"", found->lengths);
    put_histogram(",\n  \"repeats\"", found->repeats);
    put_top(report);
    put_others(report);
    if (report->reclaim)
        put_reclaimed(&report->ways[INTERNED].typical.reclaimed);
    fputs("\n}\n", stdout);
}
