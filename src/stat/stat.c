/* SPDX-License-Identifier: MIT */
/* stat.c - the subcommand stat: reads and counts, measures, reports. */
#include "config.h"

#include "stat/stat.h"

#include "stat/measure/measure.h"
#include "stat/report/compare.h"
#include "stat/report/plot.h"
#include "stat/report/report.h"
#include "stat/values/gather.h"
#include "stat/values/spool.h"

#include <stdlib.h>
#include <unistd.h>

/* The ways that this build has. */
static void choose_ways(const struct options *options, struct report *report)
{
    const struct way *const ways[REPORT_MOST_WAYS] = { options->plain, &way_interned,
                                                       way_glib_counted, way_glib_arena };
    for (size_t i = 0; i < REPORT_MOST_WAYS; i++)
        if (ways[i])
            report->ways[report->way_count++].way = ways[i];
}

static bool measure_spool(const struct options *options, int spool_fd, struct report *report)
{
    const struct found *found = &report->found;
    struct spool spool;
    spool_open(&spool, spool_fd, found->numbers.spool_size, found->numbers.values, &found->blocks);
    const struct measure_job job = {
        .spool = &spool,
        .distinct = found->numbers.distinct,
        .threads = options->threads,
        .rounds = options->rounds,
        .reclaim = options->reclaim,
    };
    bool well = measure(&job, report->ways, report->way_count, &report->rounds);
    spool_close(&spool);
    return well;
}

static bool show(const struct options *options, const struct report *report)
{
    if (options->json)
        report_json(report);
    else if (report->found.numbers.files > 0 || report->found.numbers.refused == 0)
        report_text(report);
    return !options->plot || report->found.numbers.values == 0 ||
           plot_write(report, options->plot);
}

static int compare(const struct options *options)
{
#ifdef HAVE_JSON
    return compare_reports(options->compared[0], options->compared[1]) ? EXIT_SUCCESS
                                                                       : EXIT_FAILURE;
#else
    (void)options;
    return EXIT_FAILURE; /* the options were refused */
#endif
}

int stat_run(const struct options *options)
{
    if (options->compared[0])
        return compare(options);
    struct report report = {
        .split = options->gather.format->name,
        .place = options->gather.format->place,
        .threads = options->threads,
        .min_length = options->gather.min_length,
        .reclaim = options->reclaim,
    };
    choose_ways(options, &report);
    int spool_fd = spool_create();
    bool well = gather(&options->gather, spool_fd, &report.found) &&
                measure_spool(options, spool_fd, &report) && show(options, &report);
    close(spool_fd);
    bool all = report.found.numbers.refused == 0;
    found_free(&report.found);
    return well && all ? EXIT_SUCCESS : EXIT_FAILURE;
}
