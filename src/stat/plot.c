/*
 * plot.c - the report as a picture, drawn by gnuplot.
 *
 * gnuplot reads the script from a pipe and writes the picture into a temporary file; only a whole
 * picture is copied to its place. So no name has to be quoted for gnuplot, and a failure destroys
 * nothing.
 */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* pipe2 */
#endif

#include "plot.h"

#include "message.h"
#include "units.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void put_panel(FILE *script, const char *block, const char *title, const char *unit)
{
    fprintf(script,
            "set title '%s'\nset ylabel '%s'\n"
            "plot $%s using 2:xtic(1) title 'plain' lc rgb '#b0482e', "
            "$%s using 3 title 'interned' lc rgb '#2e6f8e'\n",
            title, unit, block, block);
}

static void write_script(FILE *script, const struct report *report, bool svg)
{
    const struct measurement *plain = &report->plain;
    const struct measurement *interned = &report->interned;
    static const double mebibyte = 1024.0 * 1024.0;

    if (svg)
        fputs("set terminal svg size 900,480 enhanced background 'white' font 'sans,13'\n", script);
    else
        fputs("if (strstrt(GPVAL_TERMINALS, 'pngcairo')) {\n"
              "  set terminal pngcairo size 900,480 font 'sans,11'\n"
              "} else {\n  set terminal png size 900,480\n}\n",
              script);
    fprintf(script,
            "$memory << END\nheap %.6f %.6f\nresident %.6f %.6f\nEND\n"
            "$time << END\ntime %.9f %.9f\nEND\n",
            (double)plain->heap_bytes / mebibyte, (double)interned->heap_bytes / mebibyte,
            (double)plain->rss_bytes / mebibyte, (double)interned->rss_bytes / mebibyte,
            plain->seconds, interned->seconds);
    fputs("set style data histograms\nset style histogram clustered gap 1\n"
          "set style fill solid 0.9 noborder\nset boxwidth 0.9\n"
          "set grid ytics lc rgb '#dddddd'\nset border 3\nset tics nomirror\n"
          "set yrange [0:*]\nset key bmargin center horizontal\n",
          script);
    fprintf(script,
            "set multiplot layout 1,2 title '%s values (%s), %s distinct: %s of heap saved'\n",
            unit_count(interned->values).text, report->split, unit_count(interned->distinct).text,
            unit_bytes(report_saved_bytes(report)).text);
    put_panel(script, "memory", "Memory", "MiB");
    put_panel(script, "time", "Time", "seconds");
    fputs("unset multiplot\nunset output\n", script);
}

/* Starts gnuplot with both descriptors as its standard input and output; 0, or an error. With more rights than the
   caller's it does not: the caller says where programs are found. */
static int spawn_gnuplot(int script, int picture, pid_t *gnuplot)
{
    if (getauxval(AT_SECURE))
        return EPERM;
    static char name[] = "gnuplot";
    char *arguments[] = { name, NULL };
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
        complain("no pipe: %s", strerror(errno));
        return false;
    }
    pid_t gnuplot;
    int error = spawn_gnuplot(ends[0], picture, &gnuplot);
    close(ends[0]);
    if (error) {
        complain("--plot: gnuplot does not start: %s", strerror(error));
        close(ends[1]);
        return false;
    }
    /* Where gnuplot ends early, its status says so; a signal would end this program. */
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

/* Copies what gnuplot drew. */
static bool copy_to(FILE *picture, const char *path)
{
    FILE *file = fopen(path, "wbe");
    if (!file) {
        complain("%s: %s", path, strerror(errno));
        return false;
    }
    char buffer[1 << 14];
    size_t total = 0;
    rewind(picture);
    for (size_t got; (got = fread(buffer, 1, sizeof buffer, picture)) > 0; total += got)
        if (fwrite(buffer, 1, got, file) != got)
            break;
    bool written = !ferror(file);
    int error = errno;
    if (fclose(file) != 0 && written) {
        written = false;
        error = errno;
    }
    if (!written)
        complain("%s: %s", path, strerror(error));
    else if (total == 0)
        complain("%s: gnuplot drew nothing", path);
    return written && total > 0;
}

bool plot_write(const struct report *report, const char *path)
{
    FILE *picture = tmpfile();
    if (!picture) {
        complain("--plot: no temporary file: %s", strerror(errno));
        return false;
    }
    bool svg = strcmp(strrchr(path, '.'), ".svg") == 0;
    bool well = draw(report, svg, fileno(picture)) && copy_to(picture, path);
    fclose(picture);
    return well;
}
