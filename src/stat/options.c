/* options.c - the arguments of hapax stat. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* getopt_long */
#endif

#include "options.h"

#include "message.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { TOP_BY_DEFAULT = 10, MOST_THREADS = 1024 };

/* Long options have no letters of their own, but for the two that everybody knows. */
enum { SPLIT = 256, THREADS, TOP, JSON, PLOT, RECLAIM };

static const struct option long_options[] = {
    { "split", required_argument, NULL, SPLIT },
    { "threads", required_argument, NULL, THREADS },
    { "top", required_argument, NULL, TOP },
    { "json", no_argument, NULL, JSON },
    { "plot", required_argument, NULL, PLOT },
    { "reclaim", no_argument, NULL, RECLAIM },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

static bool parse_number(const char *text, const char *option, unsigned long least,
                         unsigned long most, unsigned long *number)
{
    char *end;
    errno = 0;
    *number = strtoul(text, &end, 10);
    /* strtoul would take blanks and signs. */
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number >= least &&
        *number <= most)
        return true;
    if (most == ULONG_MAX)
        complain("--%s: '%s' is no number from %lu on", option, text, least);
    else
        complain("--%s: '%s' is no number from %lu to %lu", option, text, least, most);
    return false;
}

static bool parse_format(const char *name, const struct split_format **format)
{
    *format = split_format_named(name);
    if (!*format) {
        complain("--split: '%s' is none of lines, words, csv, json, xml, c", name);
        return false;
    }
    if (!(*format)->split) {
        complain("--split=%s: this program was built without %s", name, (*format)->parser);
        return false;
    }
    return true;
}

static bool parse_plot(const char *path, const char **plot)
{
    const char *ending = strrchr(path, '.');
    if (!ending || (strcmp(ending, ".svg") != 0 && strcmp(ending, ".png") != 0)) {
        complain("--plot: '%s' ends neither in .svg nor in .png", path);
        return false;
    }
    *plot = path;
    return true;
}

enum options_result options_parse(struct options *options, int count, char **arguments)
{
    static char standard_input[] = "-";
    static char *only_standard_input[] = { standard_input, NULL };

    *options = (struct options){ 0 };
    options->format = split_format_named("lines");
    options->threads = 1;
    options->top = TOP_BY_DEFAULT;

    int option;
    unsigned long number;
    optind = 1;
    while ((option = getopt_long(count, arguments, "hV", long_options, NULL)) != -1) {
        bool right = true;
        switch (option) {
        case SPLIT:
            right = parse_format(optarg, &options->format);
            break;
        case THREADS:
            right = parse_number(optarg, "threads", 1, MOST_THREADS, &number);
            if (right)
                options->threads = (unsigned)number;
            break;
        case TOP:
            right = parse_number(optarg, "top", 0, ULONG_MAX, &number);
            if (right)
                options->top = number;
            break;
        case JSON:
            options->json = true;
            break;
        case PLOT:
            right = parse_plot(optarg, &options->plot);
            break;
        case RECLAIM:
            options->reclaim = true;
            break;
        case 'h':
            return OPTIONS_SHOW_HELP;
        case 'V':
            return OPTIONS_SHOW_VERSION;
        default: /* getopt has said why */
            right = false;
        }
        if (!right)
            return OPTIONS_WRONG;
    }
    options->paths = optind < count ? arguments + optind : only_standard_input;
    options->path_count = optind < count ? (size_t)(count - optind) : 1;
    return OPTIONS_RUN;
}
