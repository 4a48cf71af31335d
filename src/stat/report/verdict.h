/* SPDX-License-Identifier: MIT */
/*
 * verdict.h - intern these values or not: one sentence.
 */
#ifndef STAT_REPORT_VERDICT_H
#define STAT_REPORT_VERDICT_H

#include "stat/report/report.h"

enum verdict { VERDICT_NOTHING, VERDICT_FEW, VERDICT_INTERN, VERDICT_LITTLE, VERDICT_LEAVE };

enum verdict verdict_of(const struct report *report);
const char *verdict_name(enum verdict verdict); /* for JSON */

struct verdict_text {
    char text[512];
};
struct verdict_text verdict_sentence(const struct report *report);

#endif
