/* SPDX-License-Identifier: MIT */
/* progress.c - a bar on standard error while the program works, if that is a terminal. */
#include "config.h"

#include "stat/base/progress.h"

#include "stat/base/terminal.h"
#include "stat/base/units.h"

#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LABEL_WIDTH = 10, OTHER_WIDTH = 12, WIDEST_BAR = 60 };
static const int64_t redraw_ns = 50 * 1000 * 1000;

static struct {
    bool drawn;
    struct timespec drawn_at;
} bar;

static bool is_due(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    int64_t passed = (int64_t)(now.tv_sec - bar.drawn_at.tv_sec) * 1000000000 +
                     (now.tv_nsec - bar.drawn_at.tv_nsec);
    if (bar.drawn && passed < redraw_ns)
        return false;
    bar.drawn_at = now;
    return true;
}

static void draw_bar(const char *label, double part)
{
    int width = terminal_width(STDERR_FILENO) - LABEL_WIDTH - OTHER_WIDTH;
    width = width > WIDEST_BAR ? WIDEST_BAR : width;
    int full = width > 0 ? (int)(part * width) : 0;

    char cells[WIDEST_BAR + 1];
    int used = 0;
    for (; used < width; used++)
        cells[used] = used < full ? '#' : '.';
    cells[used] = '\0';
    fprintf(stderr, "\r%-*s [%s] %3d %%", LABEL_WIDTH, label, cells, (int)(part * 100));
}

void progress_show(const char *label, uint64_t done, uint64_t total)
{
    if (!isatty(STDERR_FILENO) || !is_due())
        return;
    if (total)
        draw_bar(label, done < total ? (double)done / (double)total : 1);
    else
        fprintf(stderr, "\r%-*s %-12s", LABEL_WIDTH, label, unit_bytes((int64_t)done).text);
    fflush(stderr);
    bar.drawn = true;
}

void progress_clear(void)
{
    if (bar.drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    bar.drawn = false;
}
