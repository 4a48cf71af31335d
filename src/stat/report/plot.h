/* SPDX-License-Identifier: MIT */
/*
 * plot.h - the report as a picture, drawn by gnuplot.
 */
#ifndef STAT_REPORT_PLOT_H
#define STAT_REPORT_PLOT_H

#include "stat/report/report.h"

#include <stdbool.h>

/* Writes an SVG or PNG file, as the path's ending says. If that fails, says why, leaves an
   older file as it was, and returns false. */
bool plot_write(const struct report *report, const char *path);

#endif
