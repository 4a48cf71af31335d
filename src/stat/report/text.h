/* SPDX-License-Identifier: MIT */
/*
 * text.h - the parts of the report for people.
 */
#ifndef STAT_REPORT_TEXT_H
#define STAT_REPORT_TEXT_H

#include "stat/report/report.h"

void text_heading(const char *text);

/* Each writes nothing if there is nothing to show. */
void text_places(const struct report *report, int width);
void text_top(const struct report *report, int width);
void text_histograms(const struct report *report, int width);
void text_chart(const struct report *report, int width);

#endif
