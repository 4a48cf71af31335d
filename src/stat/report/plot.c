/* SPDX-License-Identifier: MIT */
/*
 * plot.c - the report as a picture, drawn by gnuplot.
 *
 * gnuplot reads the script from a pipe and writes the picture into a temporary file beside its
 * place; only a whole picture is renamed to it. So no name has to be quoted for gnuplot, and a
 * failure destroys nothing. gnuplot reads none of the user's files.
 */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mkostemps, pipe2 */
#endif

#include "stat/report/plot.h"

#include "stat/base/message.h"
#include "stat/base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *name_of(const struct report *report, size_t way)
{
    return way == PLAIN ? "plain" : report->ways[way].way->name;
}

/* One bar a way, with its number above it. */
static void put_panel(FILE *script, const char *block, const char *title)
{
    fprintf(script,
            "set title '%s'\n"
            "plot $%s using 0:2:($0+1):xtic(1) with boxes lc variable notitle, "
            "$%s using 0:2:3 with labels offset 0,0.7 notitle\n",
            title, block, block);
}

static void put_saved(FILE *script, const struct report *report)
{
    fprintf(script, "set multiplot layout 1,2 title '%s values (%s), %s distinct",
            unit_count(report->found.numbers.values).text, report->split,
            unit_count(report->found.numbers.distinct).text);
    struct benefit benefit = report_benefit(report, INTERNED);
    bool lost = benefit.saved_bytes < 0;
    int64_t bytes = lost ? -benefit.saved_bytes : benefit.saved_bytes;
    if (!report_has_few_values(report))
        fprintf(script, ": interning %s %s of heap (%.1f %%)", lost ? "loses" : "saves",
                unit_bytes(bytes).text, fabs(benefit.saved_percent));
    fputs("'\n", script);
}

static void write_script(FILE *script, const struct report *report, bool svg)
{
    static const double mebibyte = 1024.0 * 1024.0;
    if (svg)
        fputs("set terminal svg size 900,480 noenhanced background 'white' font 'sans,13'\n",
              script);
    else
        fputs("if (strstrt(GPVAL_TERMINALS, 'pngcairo')) {\n"
              "  set terminal pngcairo size 900,480 noenhanced font 'sans,11'\n"
              "} else {\n  set terminal png size 900,480 noenhanced\n}\n",
              script);
    fputs("$heap << END\n", script);
    for (size_t i = 0; i < report->way_count; i++)
        fprintf(script, "'%s' %.6f '%s'\n", name_of(report, i),
                (double)report->ways[i].typical.heap_bytes / mebibyte,
                unit_bytes((int64_t)report->ways[i].typical.heap_bytes).text);
    fputs("END\n$time << END\n", script);
    for (size_t i = 0; i < report->way_count; i++)
        fprintf(script, "'%s' %.9f '%s'\n", name_of(report, i), report->ways[i].typical.seconds,
                unit_seconds(report->ways[i].typical.seconds).text);
    fputs("END\nset style fill solid 0.9 noborder\nset boxwidth 0.7\n"
          "set linetype 1 lc rgb '#b0482e'\nset linetype 2 lc rgb '#2e6f8e'\n"
          "set linetype 3 lc rgb '#7a8f5a'\nset linetype 4 lc rgb '#8a7a9a'\n"
          "set grid ytics lc rgb '#dddddd'\nset border 3\nset tics nomirror\n"
          "set yrange [0:*]\nset offsets 0.6, 0.6, graph 0.1, 0\n",
          script);
    put_saved(script, report);
    put_panel(script, "heap", "Heap, MiB");
    put_panel(script, "time", "Processor time, seconds");
    fputs("unset multiplot\nunset output\n", script);
}

/* Starts gnuplot with both descriptors as its standard input and output; 0, or an error. With more
   rights than the caller's it does not: the caller says where programs are found. */
static int spawn_gnuplot(int script, int picture, pid_t *gnuplot)
{
    if (getauxval(AT_SECURE))
        return EPERM;
    static char name[] = "gnuplot";
    static char defaults[] = "--default-settings"; /* no ~/.gnuplot */
    char *arguments[] = { name, defaults, NULL };
    posix_spawn_file_actions_t actions;
    int error = posix_spawn_file_actions_init(&actions);
    if (error)
        return error;
    error = posix_spawn_file_actions_adddup2(&actions, script, STDIN_FILENO);
    if (!error)
        error = posix_spawn_file_actions_adddup2(&actions, picture, STDOUT_FILENO);
    if (!error)
        error = posix_spawnp(gnuplot, name, &actions, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static bool ended_well(pid_t gnuplot)
{
    int status;
    while (waitpid(gnuplot, &status, 0) < 0)
        if (errno != EINTR)
            return false;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Draws into the open file. */
static bool draw(const struct report *report, bool svg, int picture)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        complain("cannot make a pipe: %s", strerror(errno));
        return false;
    }
    pid_t gnuplot;
    int error = spawn_gnuplot(ends[0], picture, &gnuplot);
    close(ends[0]);
    if (error) {
        complain("--plot: cannot start gnuplot: %s", strerror(error));
        close(ends[1]);
        return false;
    }
    /* If gnuplot ends early, its status says so; a signal would end this program. */
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    FILE *script = fdopen(ends[1], "w");
    if (!script)
        out_of_memory();
    write_script(script, report, svg);
    fclose(script);
    signal(SIGPIPE, before);
    if (!ended_well(gnuplot)) {
        complain("--plot: gnuplot failed");
        return false;
    }
    return true;
}

/* Gives the picture the permissions of a new file, and its name. */
static bool put_in_place(int picture, const char *temporary, const char *path)
{
    struct stat status;
    if (fstat(picture, &status) != 0 || status.st_size == 0) {
        complain("--plot: gnuplot drew nothing");
        return false;
    }
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(picture, 0666 & ~mask) == 0 && rename(temporary, path) == 0)
        return true;
    complain("%s: %s", path, strerror(errno));
    return false;
}

bool plot_write(const struct report *report, const char *path)
{
    static const char pattern[] = ".XXXXXX";
    char *temporary = need_memory(strlen(path) + sizeof pattern);
    strcat(strcpy(temporary, path), pattern);
    int picture = mkostemp(temporary, O_CLOEXEC);
    bool well = picture >= 0;
    if (!well)
        complain("%s: %s", path, strerror(errno));
    bool svg = strcmp(strrchr(path, '.'), ".svg") == 0;
    if (well)
        well = draw(report, svg, picture) && put_in_place(picture, temporary, path);
    if (picture >= 0) {
        close(picture);
        if (!well)
            unlink(temporary);
    }
    free(temporary);
    return well;
}
