/* report.c - what both reports say. */
#include "config.h"

#include "report.h"

#include "rank.h"

#include <string.h>

bool report_next_top(const struct report *report, size_t *at, struct report_top *top)
{
    struct top_header header;
    if (report->top.size - *at < sizeof header)
        return false;
    memcpy(&header, report->top.data + *at, sizeof header);
    *at += sizeof header;
    *top = (struct report_top){ header.count, header.saved_bytes, report->top.data + *at,
                                header.size };
    *at += header.size;
    return true;
}

int64_t report_saved_bytes(const struct report *report)
{
    return (int64_t)report->plain.heap_bytes - (int64_t)report->interned.heap_bytes;
}

double report_saved_percent(const struct report *report)
{
    if (report->plain.heap_bytes == 0)
        return 0;
    return 100.0 * (double)report_saved_bytes(report) / (double)report->plain.heap_bytes;
}

double report_values_per_second(const struct report *report)
{
    if (report->interned.seconds <= 0)
        return 0;
    return (double)report->interned.values / report->interned.seconds;
}
