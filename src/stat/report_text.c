/*
 * report_text.c - the report for people: a table, the values that save most, a bar chart.
 *
 * Emphasis only on a terminal. Bars are of block characters where the locale is UTF-8. The bytes
 * of a value that cannot be shown are shown as escapes; a long value is cut at the line's end.
 */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* wcwidth */
#endif

#include "report.h"

#include "terminal.h"
#include "units.h"

#include <langinfo.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

/* The table and what stands below it fit a terminal of 40 columns. */
enum { INDENT = 2, NAME_WIDTH = 16, NARROW_COLUMN = 11, WIDE_COLUMN = 15, LONGEST_BAR = 60 };

static void put_heading(const char *text)
{
    bool color = terminal_color(STDOUT_FILENO);
    printf("\n%s%s%s\n", color ? "\033[1m" : "", text, color ? "\033[0m" : "");
}

/* The table. */

static void put_row(const char *name, struct unit_text plain, struct unit_text interned, int column)
{
    printf("%*s%-*s%*s%*s\n", INDENT, "", NAME_WIDTH, name, column, plain.text, column,
           interned.text);
}

static struct unit_text nothing(void)
{
    return (struct unit_text){ "-" };
}

static struct unit_text words(const char *text)
{
    struct unit_text result;
    snprintf(result.text, sizeof result.text, "%s", text);
    return result;
}

static void put_table(const struct report *report, int width)
{
    const struct measurement *plain = &report->plain;
    const struct measurement *interned = &report->interned;
    bool narrow = width < INDENT + NAME_WIDTH + 2 * WIDE_COLUMN;
    int column = narrow ? NARROW_COLUMN : WIDE_COLUMN;
    put_row("", words("plain"), words("interned"), column);
    put_row("values kept", unit_count(plain->values), unit_count(interned->distinct), column);
    put_row("heap", unit_bytes((int64_t)plain->heap_bytes),
            unit_bytes((int64_t)interned->heap_bytes), column);
    put_row("resident", unit_bytes((int64_t)plain->rss_bytes),
            unit_bytes((int64_t)interned->rss_bytes), column);
    put_row("time", unit_seconds(plain->seconds), unit_seconds(interned->seconds), column);
    put_row("values a second",
            unit_count(plain->seconds > 0 ? (uint64_t)((double)plain->values / plain->seconds)
                                          : 0),
            unit_count((uint64_t)report_values_per_second(report)), column);
    put_row("collections", nothing(), unit_count(interned->collections), column);
    put_row("hapax in them", nothing(), unit_seconds(interned->collector_seconds), column);
}

static void put_summary(const struct report *report)
{
    const struct measurement *interned = &report->interned;
    printf("\n%*sdistinct  %s of values, %s\n", INDENT, "",
           unit_percent((double)interned->distinct, (double)interned->values).text,
           unit_bytes((int64_t)interned->distinct_bytes).text);
    int64_t saved = report_saved_bytes(report);
    double percent = report_saved_percent(report);
    if (saved >= 0)
        printf("%*ssaved     %s of heap (%.1f %%)\n", INDENT, "", unit_bytes(saved).text, percent);
    else
        printf("%*slost      %s of heap (%.1f %%)\n", INDENT, "", unit_bytes(-saved).text,
               -percent);
}

static void put_reclaim(const struct measure_reclaim *reclaim)
{
    put_heading("When every handle is dropped");
    printf("%*sevicted   %s values in %s\n", INDENT, "", unit_count(reclaim->evicted).text,
           unit_seconds(reclaim->seconds).text);
    printf("%*sheap      %s, then %s\n", INDENT, "", unit_bytes((int64_t)reclaim->heap_bytes).text,
           unit_bytes((int64_t)reclaim->heap_left_bytes).text);
}

/* The values. */

/* One character of a value, or an escape for the first byte of it. */
struct glyph {
    char text[MB_LEN_MAX + 8];
    int width;     /* columns */
    size_t length; /* bytes of the value it stands for */
};

static struct glyph glyph_at(const char *data, size_t size)
{
    struct glyph glyph = { "", 0, 1 };
    unsigned char byte = (unsigned char)data[0];
    const char *simple = byte == '\n'   ? "\\n"
                         : byte == '\t' ? "\\t"
                         : byte == '\r' ? "\\r"
                         : byte == '\\' ? "\\\\"
                                        : NULL;
    if (simple) {
        glyph.width = snprintf(glyph.text, sizeof glyph.text, "%s", simple);
        return glyph;
    }
    wchar_t wide;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    size_t length = mbrtowc(&wide, data, size < MB_LEN_MAX ? size : MB_LEN_MAX, &state);
    int width = length > 0 && length <= MB_LEN_MAX ? wcwidth(wide) : -1;
    if (width < 0) {
        glyph.width = snprintf(glyph.text, sizeof glyph.text, "\\x%02x", (unsigned)byte);
        return glyph;
    }
    memcpy(glyph.text, data, length);
    glyph.text[length] = '\0';
    glyph.width = width;
    glyph.length = length;
    return glyph;
}

/* Whether the value from data on takes at most width columns. */
static bool fits(const char *data, size_t size, int width)
{
    for (size_t at = 0; at < size && width >= 0;) {
        struct glyph glyph = glyph_at(data + at, size - at);
        width -= glyph.width;
        at += glyph.length;
        if (at > (size_t)64 * 1024)
            return false; /* nothing but characters without a width */
    }
    return width >= 0;
}

static void put_value(const char *data, size_t size, int width)
{
    static const char cut[] = "...";
    bool whole = fits(data, size, width);
    if (!whole)
        width -= (int)sizeof cut - 1;
    for (size_t at = 0; at < size;) {
        struct glyph glyph = glyph_at(data + at, size - at);
        if (glyph.width > width || at > (size_t)64 * 1024)
            break;
        fputs(glyph.text, stdout);
        width -= glyph.width;
        at += glyph.length;
    }
    if (!whole)
        fputs(cut, stdout);
}

static void put_top(const struct report *report, int width)
{
    enum { SAVED_WIDTH = 12, COUNT_WIDTH = 14 };
    struct report_top top;
    size_t at = 0;
    if (!report_next_top(report, &at, &top))
        return;
    put_heading("Values that save most");
    printf("%*s%*s  value\n", SAVED_WIDTH, "saved", COUNT_WIDTH, "count");
    do {
        printf("%*s%*s  ", SAVED_WIDTH, unit_bytes((int64_t)top.saved_bytes).text, COUNT_WIDTH,
               unit_count(top.count).text);
        if (top.size == 0)
            fputs("(empty)", stdout);
        else
            put_value(top.data, top.size, width - SAVED_WIDTH - COUNT_WIDTH - 3);
        putchar('\n');
    } while (report_next_top(report, &at, &top));
}

/* The chart. */

static void put_bar(const char *name, const char *side, double amount, double most, int width,
                    struct unit_text label)
{
    bool blocks = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    int length = most > 0 ? (int)(amount / most * width + 0.5) : 0;
    if (length == 0 && amount > 0)
        length = 1;
    printf("%*s%-10s%-10s", INDENT, "", name, side);
    for (int i = 0; i < length; i++)
        fputs(blocks ? "\u2588" : "#", stdout);
    printf(" %s\n", label.text);
}

static void put_bars(const char *name, double plain, double interned, int width,
                     struct unit_text plain_label, struct unit_text interned_label)
{
    double most = plain > interned ? plain : interned;
    put_bar(name, "plain", plain, most, width, plain_label);
    put_bar("", "interned", interned, most, width, interned_label);
}

static void put_chart(const struct report *report, int width)
{
    const struct measurement *plain = &report->plain;
    const struct measurement *interned = &report->interned;
    int bar = width - INDENT - 20 - 12;
    bar = bar < LONGEST_BAR ? bar : LONGEST_BAR;
    put_heading("Plain beside interned");
    put_bars("heap", (double)plain->heap_bytes, (double)interned->heap_bytes, bar,
             unit_bytes((int64_t)plain->heap_bytes), unit_bytes((int64_t)interned->heap_bytes));
    put_bars("resident", (double)plain->rss_bytes, (double)interned->rss_bytes, bar,
             unit_bytes((int64_t)plain->rss_bytes), unit_bytes((int64_t)interned->rss_bytes));
    put_bars("time", plain->seconds, interned->seconds, bar, unit_seconds(plain->seconds),
             unit_seconds(interned->seconds));
}

void report_text(const struct report *report)
{
    int width = terminal_width(STDOUT_FILENO);
    printf("%zu %s, %s of %s, %u %s\n\n", report->files,
           report->files == 1 ? "file" : "files", unit_bytes((int64_t)report->input_bytes).text,
           report->split, report->threads, report->threads == 1 ? "thread" : "threads");
    put_table(report, width);
    put_summary(report);
    put_top(report, width);
    if (report->reclaim)
        put_reclaim(&report->interned.reclaim);
    put_chart(report, width);
}
