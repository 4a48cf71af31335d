/* SPDX-License-Identifier: MIT */
/* options.c - the arguments of hapax stat. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* getopt_long */
#endif

#include "stat/options.h"

#include "stat/base/message.h"
#include "stat/measure/measure.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { TOP_BY_DEFAULT = 10, PLACES_BY_DEFAULT = 30, MOST_THREADS = 1024 };

/* Long options have no letters of their own, but for those that everybody knows. */
enum { SPLIT = 256, THREADS, ROUNDS, TOP, PLACES, JSON, PLOT, RECLAIM, PLAIN_STRINGS, DELIMITER,
       INCLUDE, NAMES_FROM, MIN_LENGTH, VALUES, COMPARE };

static const struct option long_options[] = {
    { "split", required_argument, NULL, SPLIT },
    { "delimiter", required_argument, NULL, DELIMITER },
    { "min-length", required_argument, NULL, MIN_LENGTH },
    { "recursive", no_argument, NULL, 'r' },
    { "include", required_argument, NULL, INCLUDE },
    { "files0-from", required_argument, NULL, NAMES_FROM },
    { "plain", required_argument, NULL, PLAIN_STRINGS },
    { "threads", required_argument, NULL, THREADS },
    { "rounds", required_argument, NULL, ROUNDS },
    { "reclaim", no_argument, NULL, RECLAIM },
    { "top", required_argument, NULL, TOP },
    { "places", required_argument, NULL, PLACES },
    { "values", required_argument, NULL, VALUES },
    { "json", no_argument, NULL, JSON },
    { "plot", required_argument, NULL, PLOT },
    { "compare", no_argument, NULL, COMPARE },
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { NULL, 0, NULL, 0 },
};

/* The number of an option, from least to most. */
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
        complain("--%s: '%s' is not a number from %lu on", option, text, least);
    else
        complain("--%s: '%s' is not a number from %lu to %lu", option, text, least, most);
    return false;
}

static bool parse_size(const char *text, const char *option, size_t *size)
{
    unsigned long number;
    bool right = parse_number(text, option, 0, ULONG_MAX, &number);
    if (right)
        *size = number;
    return right;
}

static bool parse_small(const char *text, const char *option, unsigned long most, unsigned *small)
{
    unsigned long number;
    bool right = parse_number(text, option, 1, most, &number);
    if (right)
        *small = (unsigned)number;
    return right;
}

static bool parse_format(const char *name, const struct split_format **format)
{
    *format = split_format_named(name);
    if (!*format) {
        complain("--split: '%s' is not one of lines, words, csv, json, xml, c", name);
        return false;
    }
    if (!(*format)->split) {
        complain("--split=%s: this program was built without %s", name, (*format)->parser);
        return false;
    }
    return true;
}

static bool parse_delimiter(const char *text, char *delimiter)
{
    static const struct {
        const char *name;
        char delimiter;
    } names[] = { { "comma", ',' }, { "tab", '\t' },  { "\\t", '\t' },
                  { "semicolon", ';' }, { "bar", '|' }, { "auto", SPLIT_ANY_DELIMITER } };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(text, names[i].name) == 0) {
            *delimiter = names[i].delimiter;
            return true;
        }
    if (strlen(text) == 1 && !strchr("\"\r\n", *text)) {
        *delimiter = *text;
        return true;
    }
    complain("--delimiter: '%s' is neither one character nor tab, comma, semicolon, bar, auto",
             text);
    return false;
}

static bool parse_plain(const char *text, const struct way **plain)
{
    if (strcmp(text, "strdup") == 0)
        *plain = &way_strdup;
    else if (strcmp(text, "counted") == 0)
        *plain = &way_counted_plain;
    else {
        complain("--plain: '%s' is neither strdup nor counted", text);
        return false;
    }
    return true;
}

static bool parse_plot(const char *path, const char **plot)
{
    const char *ending = strrchr(path, '.');
    if (!ending || (strcmp(ending, ".svg") != 0 && strcmp(ending, ".png") != 0)) {
        complain("--plot: '%s' does not end in .svg or .png", path);
        return false;
    }
    *plot = path;
    return true;
}

static bool parse_option(struct options *options, int option, bool *compare)
{
    struct gather_job *job = &options->gather;
    switch (option) {
    case SPLIT:
        return parse_format(optarg, &job->format);
    case DELIMITER:
        return parse_delimiter(optarg, &job->delimiter);
    case MIN_LENGTH:
        return parse_size(optarg, "min-length", &job->min_length);
    case 'r':
        return job->rules.recursive = true;
    case INCLUDE:
        job->rules.include = optarg;
        return true;
    case NAMES_FROM:
        job->names_from = optarg;
        return true;
    case PLAIN_STRINGS:
        return parse_plain(optarg, &options->plain);
    case THREADS:
        return parse_small(optarg, "threads", MOST_THREADS, &options->threads);
    case ROUNDS:
        return parse_small(optarg, "rounds", MEASURE_MOST_ROUNDS, &options->rounds);
    case RECLAIM:
        return options->reclaim = true;
    case TOP:
        return parse_size(optarg, "top", &job->wishes.top);
    case PLACES:
        return parse_size(optarg, "places", &job->wishes.places);
    case VALUES:
        job->wishes.values_path = optarg;
        return true;
    case JSON:
        return options->json = true;
    case PLOT:
        return parse_plot(optarg, &options->plot);
    case COMPARE:
        return *compare = true;
    default: /* getopt has said why */
        return false;
    }
}

static bool take_compared(struct options *options, char **paths, size_t count)
{
#ifdef HAVE_JSON
    if (count == 2) {
        options->compared[0] = paths[0];
        options->compared[1] = paths[1];
        return true;
    }
    complain("--compare takes two files, each a report that --json has written");
#else
    (void)options;
    (void)paths;
    (void)count;
    complain("--compare: this program was built without nlohmann-json");
#endif
    return false;
}

/* Without any name the program reads standard input. */
static void take_paths(struct gather_job *job, char **paths, size_t count)
{
    static char standard_input[] = "-";
    static char *only_standard_input[] = { standard_input, NULL };
    bool none = count == 0 && !job->names_from;
    job->paths = none ? only_standard_input : paths;
    job->path_count = none ? 1 : count;
}

enum options_result options_parse(struct options *options, int count, char **arguments)
{
    *options = (struct options){ .plain = &way_strdup, .threads = 1 };
    options->gather.format = split_format_named("lines");
    options->gather.wishes = (struct count_wishes){ .top = TOP_BY_DEFAULT,
                                                    .places = PLACES_BY_DEFAULT };
    bool compare = false;
    optind = 1;
    for (int option; (option = getopt_long(count, arguments, "hrV", long_options, NULL)) != -1;) {
        if (option == 'h')
            return OPTIONS_SHOW_HELP;
        if (option == 'V')
            return OPTIONS_SHOW_VERSION;
        if (!parse_option(options, option, &compare))
            return OPTIONS_WRONG;
    }
    options->gather.wishes.plain_extra = options->plain->plain_extra;
    char **paths = arguments + optind;
    size_t path_count = (size_t)(count - optind);
    if (compare)
        return take_compared(options, paths, path_count) ? OPTIONS_RUN : OPTIONS_WRONG;
    take_paths(&options->gather, paths, path_count);
    return OPTIONS_RUN;
}
