/* SPDX-License-Identifier: MIT */
/*
 * options.h - the arguments of hapax stat.
 */
#ifndef STAT_OPTIONS_H
#define STAT_OPTIONS_H

#include "stat/measure/way.h"
#include "stat/values/gather.h"

#include <stdbool.h>
#include <stddef.h>

enum { EXIT_USAGE = 2 };

struct options {
    struct gather_job gather;
    const struct way *plain;
    unsigned threads;
    unsigned rounds; /* as in struct measure_job */
    bool json;
    bool reclaim;
    const char *plot;        /* a path that ends in .svg or .png; NULL: no plot */
    const char *compared[2]; /* two reports; NULL: this is no comparison */
};

enum options_result {
    OPTIONS_RUN,
    OPTIONS_SHOW_HELP,
    OPTIONS_SHOW_VERSION,
    OPTIONS_WRONG /* said why */
};

/* arguments[0] is the name that stands in getopt's own messages. */
enum options_result options_parse(struct options *options, int count, char **arguments);

#endif
