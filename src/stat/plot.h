/*
 * plot.h - the report as a picture, drawn by gnuplot.
 */
#ifndef STAT_PLOT_H
#define STAT_PLOT_H

#include "report.h"

#include <stdbool.h>

/* Writes an SVG or PNG file, as the path's ending says. Where that fails, says why, leaves an
   older file as it was, and returns false. */
bool plot_write(const struct report *report, const char *path);

#endif
