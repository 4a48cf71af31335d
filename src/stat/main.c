/* SPDX-License-Identifier: MIT */
/* main.c - the program hapax: its subcommands. */
#include "config.h"

#include "stat/base/message.h"
#include "stat/options.h"
#include "stat/stat.h"

#include <errno.h>
#include <fcntl.h>
#include <hapax.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] = "usage: hapax stat [OPTION]... [FILE]...\n"
                            "       hapax stat --compare A.json B.json\n"
                            "       hapax help | --help | --version\n";

static const char help[] =
    "\n"
    "hapax stat tells whether it pays to intern your data: it cuts the files, or\n"
    "standard input, into values, keeps all of them as strings of strdup and as\n"
    "handles, each in a process of its own, and compares memory and time.\n"
    "\n"
    "What is read:\n"
    "  --split=FORMAT     what the values are:\n"
    "                       lines  lines, without their newline (the default)\n"
    "                       words  what stands between white space\n"
    "                       csv    fields\n"
    "                       json   object keys, strings, numbers, true, false, null\n"
    "                       xml    element names, attribute names and values, texts\n"
    "                       c      tokens of C, without comments\n"
    "  --delimiter=C      of CSV: a character, tab, comma, semicolon, bar (auto)\n"
    "  --min-length=N     leave out values of less than N bytes\n"
    "  -r, --recursive    read the files in folders\n"
    "  --include=PATTERN  of these only the files whose name matches, as '*.c'\n"
    "  --files0-from=FILE read the files named in FILE, each name ended by a NUL\n"
    "\n"
    "How it is measured:\n"
    "  --plain=KIND       compare with strdup, or counted: with the length in front\n"
    "  --threads=N        keep the values in N threads (1)\n"
    "  --rounds=N         measure N times, all ways in turn (up to 5)\n"
    "  --reclaim          at the end drop every handle, collect, say what came back\n"
    "\n"
    "What is shown:\n"
    "  --top=N            the N values that save most (10)\n"
    "  --places=N         the N columns, keys or elements that save most (30)\n"
    "  --values=FILE      write every value with its count into FILE\n"
    "  --json             print one JSON object\n"
    "  --plot=FILE        draw FILE.svg or FILE.png with gnuplot\n"
    "  --compare          compare two reports of --json\n"
    "  -h, --help         print this\n"
    "  -V, --version      print the version\n"
    "\n"
    "A FILE that is - is standard input. Files in gzip and zstd are decompressed.\n"
    "What cannot be read, or is malformed, is named on standard error and left out.\n"
    "Exit status: 0; 1 if a file was left out or something failed; 2 for wrong\n"
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

/* A file that is opened must not become standard input, output or error because one of these was
   closed. What stands in for them refuses to be used, as the closed one did. */
static void fill_standard_descriptors(void)
{
    int fd;
    do
        fd = open("/dev/null", O_WRONLY);
    while (fd == STDIN_FILENO);
    if (fd == STDOUT_FILENO) {
        close(fd);
        fd = open("/dev/null", O_RDONLY);
        fd = open("/dev/null", O_WRONLY);
    }
    if (fd > STDERR_FILENO)
        close(fd);
}

int main(int count, char **arguments)
{
    fill_standard_descriptors();
    signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error like others */
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
