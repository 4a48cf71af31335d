/* SPDX-License-Identifier: MIT */
/*
 * text.c - the report for people: a verdict, the ways side by side, the values, a bar chart.
 *
 * Emphasis only on a terminal. It fits a terminal of 40 columns, and says more on a wide one.
 */
#include "config.h"

#include "stat/report/text.h"

#include "stat/base/terminal.h"
#include "stat/base/units.h"
#include "stat/report/report.h"
#include "stat/report/verdict.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void text_heading(const char *text)
{
    bool color = terminal_color(STDOUT_FILENO);
    printf("\n%s%s%s\n", color ? "\033[1m" : "", text, color ? "\033[0m" : "");
}

/* Breaks the lines at blanks. */
static void put_wrapped(const char *text, int width)
{
    int column = 0;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + length > width) {
            putchar('\n');
            column = 0;
        }
        column += printf("%s%.*s", column > 0 ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

/* What was read. */

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

static struct unit_text words(const char *text)
{
    struct unit_text result;
    snprintf(result.text, sizeof result.text, "%s", text);
    return result;
}

static struct unit_text name_of_delimiter(char delimiter)
{
    struct unit_text result;
    switch (delimiter) {
    case ',': return words("comma");
    case '\t': return words("tab");
    case ';': return words("semicolon");
    case '|': return words("bar");
    default:
        snprintf(result.text, sizeof result.text,
                 isgraph((unsigned char)delimiter) ? "%c" : "\\x%02x", (unsigned char)delimiter);
        return result;
    }
}

static void put_input(const struct report *report, int width)
{
    const struct found_numbers *found = &report->found.numbers;
    char line[512];
    size_t used = (size_t)snprintf(line, sizeof line, "%s file%s, %s of %s",
                                   unit_count(found->files).text, plural(found->files),
                                   unit_bytes((int64_t)found->input_bytes).text, report->split);
    for (const char *delimiter = found->delimiters; *delimiter; delimiter++) {
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%s",
                                 delimiter == found->delimiters ? " with delimiter " : " and ",
                                 name_of_delimiter(*delimiter).text);
    }
    if (found->refused)
        used += (size_t)snprintf(line + used, sizeof line - used, ", %s left out",
                                 unit_count(found->refused).text);
    if (report->min_length)
        used += (size_t)snprintf(line + used, sizeof line - used, ", %s shorter value%s left out",
                                 unit_count(found->short_values).text, plural(found->short_values));
    snprintf(line + used, sizeof line - used, "; %u thread%s, %u round%s", report->threads,
             plural(report->threads), report->rounds, plural(report->rounds));
    put_wrapped(line, width);
}

/* The ways, one a row. */

enum { NAME = 10, HEAP = 11, A_VALUE = 9, SAVED = 9, PAYS = 7, TIME = 10, SPREAD = 16, RESIDENT = 12 };
enum { MEDIUM_WIDTH = 2 + NAME + HEAP + A_VALUE + SAVED + PAYS + TIME + SPREAD,
       WIDE_WIDTH = MEDIUM_WIDTH + RESIDENT };

struct cells {
    struct unit_text heap, a_value, saved, pays, time, spread, resident;
};

static struct unit_text number(double value, const char *unit)
{
    struct unit_text result = words("-");
    if (isfinite(value))
        snprintf(result.text, sizeof result.text, "%.1f %s", value, unit);
    return result;
}

static void put_cells(const char *name, const struct cells *cells, int width)
{
    printf("  %-*s%*s%*s", NAME, name, HEAP, cells->heap.text, A_VALUE, cells->a_value.text);
    if (width >= MEDIUM_WIDTH)
        printf("%*s%*s%*s%*s", SAVED, cells->saved.text, PAYS, cells->pays.text, TIME,
               cells->time.text, SPREAD, cells->spread.text);
    else
        printf("%*s", 40 - 2 - NAME - HEAP - A_VALUE, cells->time.text);
    if (width >= WIDE_WIDTH)
        printf("%*s", RESIDENT, cells->resident.text);
    putchar('\n');
}

static struct unit_text spread(const struct measured_way *way)
{
    struct unit_text least = unit_seconds(way->seconds_least);
    struct unit_text most = unit_seconds(way->seconds_most);
    /* The unit once, if it is the same. */
    const char *unit = strchr(least.text, ' ');
    const char *other = strchr(most.text, ' ');
    int length = unit && other && strcmp(unit, other) == 0 ? (int)(unit - least.text) : -1;
    struct unit_text result;
    snprintf(result.text, sizeof result.text, "%.*s-%.24s", length < 0 ? 12 : length, least.text,
             most.text);
    return result;
}

static void put_ways(const struct report *report, int width)
{
    const struct cells head = { words("heap"), words("a value"), words("saved"),    words("from"),
                                words("time"), words("between"), words("resident") };
    put_cells("", &head, width);
    for (size_t i = 0; i < report->way_count; i++) {
        const struct measured_way *way = &report->ways[i];
        struct benefit benefit = report_benefit(report, i);
        const struct cells cells = {
            unit_bytes((int64_t)way->typical.heap_bytes),
            number(benefit.bytes_a_value, "B"),
            i == PLAIN ? words("") : number(benefit.saved_percent, "%"),
            i == PLAIN ? words("") : number(benefit.pays_from, "x"),
            unit_seconds(way->typical.seconds),
            spread(way),
            unit_bytes((int64_t)way->typical.rss_bytes),
        };
        put_cells(i == PLAIN ? "plain" : way->way->name, &cells, width);
    }
}

static void put_summary(const struct report *report)
{
    const struct found_numbers *found = &report->found.numbers;
    const struct measurement *interned = &report->ways[INTERNED].typical;
    printf("\n  values    %s, %s distinct\n", unit_count(found->values).text,
           unit_count(found->distinct).text);
    struct benefit benefit = report_benefit(report, INTERNED);
    int64_t saved = benefit.saved_bytes;
    if (!report_has_few_values(report))
        printf("  %s     %s of heap (%.1f %%)\n", saved < 0 ? "lost " : "saved",
               unit_bytes(saved < 0 ? -saved : saved).text, fabs(benefit.saved_percent));
    printf("  fixed     %s more, once\n", unit_bytes((int64_t)interned->fixed_bytes).text);
    printf("  collected %s time%s, %s in hapax\n", unit_count(interned->collections).text,
           plural(interned->collections), unit_seconds(interned->collector_seconds).text);
}

static void put_reclaimed(const struct way_reclaimed *reclaimed)
{
    text_heading("When every handle is dropped");
    printf("  evicted   %s values in %s\n", unit_count(reclaimed->evicted).text,
           unit_seconds(reclaimed->seconds).text);
    printf("  heap      %s, then %s\n", unit_bytes((int64_t)reclaimed->heap_bytes).text,
           unit_bytes((int64_t)reclaimed->heap_left_bytes).text);
}

void report_text(const struct report *report)
{
    int width = terminal_width(STDOUT_FILENO);
    put_input(report, width);
    putchar('\n');
    put_wrapped(verdict_sentence(report).text, width);
    if (report->found.numbers.values == 0)
        return;
    putchar('\n');
    put_ways(report, width);
    put_summary(report);
    text_places(report, width);
    text_top(report, width);
    text_histograms(report, width);
    if (report->reclaim)
        put_reclaimed(&report->ways[INTERNED].typical.reclaimed);
    if (!report_has_few_values(report))
        text_chart(report, width);
}
