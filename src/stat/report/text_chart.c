/* SPDX-License-Identifier: MIT */
/* text_chart.c - the ways as bars, for people. */
#include "config.h"

#include "stat/base/units.h"
#include "stat/report/bars.h"
#include "stat/report/text.h"

#include <stdio.h>

enum { KIND = 7, NAME = 10, LABEL = 12 };

static double heap(const struct measured_way *way)
{
    return (double)way->typical.heap_bytes;
}

static double time_taken(const struct measured_way *way)
{
    return way->typical.seconds;
}

static struct unit_text heap_label(double bytes)
{
    return unit_bytes((int64_t)bytes);
}

static void put_bars(const struct report *report, const char *kind,
                     double (*amount)(const struct measured_way *),
                     struct unit_text (*label)(double), int width)
{
    double most = 0;
    for (size_t i = 0; i < report->way_count; i++) {
        double here = amount(&report->ways[i]);
        most = here > most ? here : most;
    }
    for (size_t i = 0; i < report->way_count; i++) {
        double here = amount(&report->ways[i]);
        printf("  %-*s%-*s", KIND, i == 0 ? kind : "", NAME,
               i == PLAIN ? "plain" : report->ways[i].way->name);
        bars_put(here, most, width - 2 - KIND - NAME - LABEL);
        printf(" %s\n", label(here).text);
    }
}

void text_chart(const struct report *report, int width)
{
    text_heading("Side by side");
    put_bars(report, "heap", heap, heap_label, width);
    put_bars(report, "time", time_taken, unit_seconds, width);
}
