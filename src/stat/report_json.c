/*
 * report_json.c - the report as one JSON object.
 *
 * It is valid JSON for every value: what is not UTF-8 in a value is written as U+FFFD, byte for
 * byte. Nothing sets the locale of numbers, so their decimal point is a point.
 */
#include "config.h"

#include "report.h"

#include "utf8.h"

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

/* JSON has no infinity and no NaN. */
static void put_real(const char *key, double number)
{
    printf("%s: %.9g", key, isfinite(number) ? number : 0.0);
}

static void put_both(const struct measurement *measured)
{
    put_count("\"heap_bytes\"", measured->heap_bytes);
    put_count(", \"rss_bytes\"", measured->rss_bytes);
    put_real(", \"seconds\"", measured->seconds);
}

static void put_top(const struct report *report)
{
    struct report_top top;
    const char *separator = "\n    ";
    fputs(",\n  \"top\": [", stdout);
    for (size_t at = 0; report_next_top(report, &at, &top);) {
        printf("%s{\"value\": ", separator);
        put_string(top.data, top.size);
        put_count(", \"count\"", top.count);
        put_count(", \"saved_bytes\"", top.saved_bytes);
        putchar('}');
        separator = ",\n    ";
    }
    putchar(']');
}

static void put_reclaim(const struct measure_reclaim *reclaim)
{
    fputs(",\n  \"reclaim\": {", stdout);
    put_count("\"evicted\"", reclaim->evicted);
    put_real(", \"seconds\"", reclaim->seconds);
    put_count(", \"heap_bytes\"", reclaim->heap_bytes);
    put_count(", \"heap_left_bytes\"", reclaim->heap_left_bytes);
    putchar('}');
}

void report_json(const struct report *report)
{
    const struct measurement *interned = &report->interned;
    put_text("{\n  \"version\"", hapax_version());
    put_text(",\n  \"split\"", report->split);
    put_count(",\n  \"threads\"", report->threads);
    put_count(",\n  \"files\"", report->files);
    put_count(",\n  \"input_bytes\"", report->input_bytes);
    put_count(",\n  \"values\"", interned->values);
    put_count(",\n  \"distinct\"", interned->distinct);
    put_count(",\n  \"distinct_bytes\"", interned->distinct_bytes);
    fputs(",\n  \"plain\": {", stdout);
    put_both(&report->plain);
    fputs("},\n  \"interned\": {", stdout);
    put_both(interned);
    put_count(", \"collections\"", interned->collections);
    put_real(", \"collector_seconds\"", interned->collector_seconds);
    printf("},\n  \"saved_bytes\": %" PRId64, report_saved_bytes(report));
    put_real(",\n  \"saved_percent\"", report_saved_percent(report));
    put_real(",\n  \"values_per_second\"", report_values_per_second(report));
    put_top(report);
    if (report->reclaim)
        put_reclaim(&report->interned.reclaim);
    fputs("\n}\n", stdout);
}
