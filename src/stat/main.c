/* main.c - the program hapax: its subcommands. */
#include "config.h"

#include "message.h"
#include "options.h"
#include "stat.h"

#include <errno.h>
#include <hapax.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: hapax stat [OPTION]... [FILE]...\n"
                            "       hapax help | --help | --version\n";

static const char help[] =
    "\n"
    "hapax stat measures what interning saves on your data: it cuts the files, or\n"
    "standard input, into values, keeps every value once as a heap string of its\n"
    "own and once as a handle, each in a process of its own, and compares both.\n"
    "\n"
    "  --split=FORMAT   what the values are:\n"
    "                     lines  lines, without their newline (the default)\n"
    "                     words  what stands between white space\n"
    "                     csv    fields\n"
    "                     json   object keys, strings, numbers, true, false, null\n"
    "                     xml    element names, attribute names and values, texts\n"
    "                     c      tokens of C, without comments\n"
    "  --threads=N      keep the values in N threads (1)\n"
    "  --top=N          show the N values that save most (10)\n"
    "  --reclaim        at the end drop every handle, collect, and say what came back\n"
    "  --json           print one JSON object\n"
    "  --plot=FILE      draw FILE.svg or FILE.png with gnuplot\n"
    "  -h, --help       print this\n"
    "  -V, --version    print the version\n"
    "\n"
    "A FILE that is - is standard input. What cannot be read, or is malformed, is\n"
    "named on standard error and left out.\n"
    "Exit status: 0; 1 where a file was left out or something failed; 2 for wrong\n"
    "arguments.\n";

static int show_help(void)
{
    fputs(usage, stdout);
    fputs(help, stdout);
    return EXIT_SUCCESS;
}

static int show_version(void)
{
    printf("hapax %s\n", hapax_version());
    return EXIT_SUCCESS;
}

/* After a line that says what is wrong. */
static int refuse(void)
{
    complain("try: hapax --help");
    return EXIT_USAGE;
}

static int run_stat(int count, char **arguments)
{
    struct options options;
    switch (options_parse(&options, count, arguments)) {
    case OPTIONS_SHOW_HELP:
        return show_help();
    case OPTIONS_SHOW_VERSION:
        return show_version();
    case OPTIONS_RUN:
        return stat_run(&options);
    case OPTIONS_WRONG:
        break;
    }
    return refuse();
}

static int run(int count, char **arguments)
{
    static char name[] = "hapax";
    if (count < 2) {
        fputs(usage, stderr);
        return EXIT_USAGE;
    }
    const char *command = arguments[1];
    if (strcmp(command, "stat") == 0) {
        arguments[1] = name; /* getopt's messages begin with it */
        return run_stat(count - 1, arguments + 1);
    }
    if (strcmp(command, "help") == 0 || strcmp(command, "--help") == 0 ||
        strcmp(command, "-h") == 0)
        return show_help();
    if (strcmp(command, "--version") == 0 || strcmp(command, "-V") == 0)
        return show_version();
    complain("there is no subcommand '%s'", command);
    return refuse();
}

int main(int count, char **arguments)
{
    setlocale(LC_CTYPE, ""); /* only to show values: numbers keep their point */
    int status = run(count, arguments);
    errno = 0;
    bool written = !ferror(stdout);
    if (fclose(stdout) != 0)
        written = false;
    if (!written) {
        complain("standard output: %s", errno ? strerror(errno) : "not all was written");
        if (status == EXIT_SUCCESS)
            status = EXIT_FAILURE;
    }
    return status;
}
