/* stat.c - the subcommand stat: opens, checks, measures, reports. */
#include "config.h"

#include "stat.h"

#include "input.h"
#include "measure.h"
#include "message.h"
#include "plot.h"
#include "progress.h"
#include "report.h"

#include <stdlib.h>

/* Checking for malformed files, before anything is measured. */

static void ignore_value(void *context, const char *data, size_t size)
{
    (void)context;
    (void)data;
    (void)size;
}

static void show_advance(void *context, size_t bytes)
{
    uint64_t *done = context;
    *done += bytes;
    progress_show(*done);
}

/* A malformed file is left out whole, and said to be so with its line. */
static bool is_well_formed(const struct input *input, const struct split_format *format)
{
    uint64_t done = 0;
    const struct split_sink sink = { ignore_value, show_advance, &done };
    struct split_error error = { 0, "" };
    progress_start("checking", input->size);
    bool well_formed = format->split(input->data, input->size, &sink, &error);
    progress_clear();
    if (!well_formed)
        complain("%s:%zu: %s", input->name, error.line, error.reason);
    return well_formed;
}

/* Opens what can be measured; returns how many inputs that are. */
static size_t open_inputs(const struct options *options, struct input *inputs)
{
    size_t count = 0;
    for (size_t i = 0; i < options->path_count; i++) {
        struct input *input = &inputs[count];
        if (!input_open(input, options->paths[i]))
            continue;
        if (options->format->can_be_malformed && !is_well_formed(input, options->format))
            input_close(input);
        else
            count++;
    }
    return count;
}

static bool measure(const struct measure_job *job, struct report *report)
{
    if (!measure_in_process(measure_plain, "plain", job, &report->plain, &report->top) ||
        !measure_in_process(measure_interned, "interned", job, &report->interned, &report->top))
        return false;
    if (report->plain.values != report->interned.values) {
        complain("the input changed while it was measured");
        return false;
    }
    return true;
}

static bool show(const struct options *options, const struct report *report)
{
    if (options->json)
        report_json(report);
    else if (report->files > 0)
        report_text(report);
    return !options->plot || report->files == 0 || plot_write(report, options->plot);
}

int stat_run(const struct options *options)
{
    struct input *inputs = need_zeroed(options->path_count, sizeof *inputs);
    size_t count = open_inputs(options, inputs);
    const struct measure_job job = {
        .inputs = inputs,
        .input_count = count,
        .format = options->format,
        .threads = options->threads,
        .top = options->top,
        .reclaim = options->reclaim,
    };
    struct report report = {
        .split = options->format->name,
        .threads = options->threads,
        .files = count,
        .reclaim = options->reclaim,
    };
    for (size_t i = 0; i < count; i++)
        report.input_bytes += inputs[i].size;

    bool well = measure(&job, &report) && show(options, &report);
    for (size_t i = 0; i < count; i++)
        input_close(&inputs[i]);
    bytes_free(&report.top);
    free(inputs);
    return well && count == options->path_count ? EXIT_SUCCESS : EXIT_FAILURE;
}
