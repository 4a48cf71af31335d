/* SPDX-License-Identifier: MIT */
/*
 * progress.h - a bar on standard error while the program works, if that is a terminal.
 *
 * Nothing is written elsewhere. One bar at a time, of the one thread that reports.
 */
#ifndef STAT_BASE_PROGRESS_H
#define STAT_BASE_PROGRESS_H

#include <stdint.h>

/* total 0: nobody knows how much there is; then the amount is shown instead of a bar. Draws only
   now and then: may be called often. */
void progress_show(const char *label, uint64_t done, uint64_t total);
void progress_clear(void); /* takes the bar away */

#endif
