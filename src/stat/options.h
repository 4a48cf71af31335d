/*
 * options.h - the arguments of hapax stat.
 */
#ifndef STAT_OPTIONS_H
#define STAT_OPTIONS_H

#include "split.h"

#include <stdbool.h>
#include <stddef.h>

enum { EXIT_USAGE = 2 };

struct options {
    const struct split_format *format;
    unsigned threads;
    size_t top;
    bool json;
    bool reclaim;
    const char *plot; /* a path that ends in .svg or .png; NULL: no plot */
    char **paths;     /* at least one */
    size_t path_count;
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
