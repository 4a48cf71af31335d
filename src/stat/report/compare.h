/* SPDX-License-Identifier: MIT */
/*
 * compare.h - two reports that --json has written, side by side.
 */
#ifndef STAT_REPORT_COMPARE_H
#define STAT_REPORT_COMPARE_H

#include <stdbool.h>

/* Writes a table to standard output. False: one cannot be read, and that was said. */
bool compare_reports(const char *first_path, const char *second_path);

#endif
