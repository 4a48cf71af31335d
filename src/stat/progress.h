/*
 * progress.h - a bar on standard error while the program works, where that is a terminal.
 *
 * Nothing is written elsewhere. One bar at a time, of the one thread that reports.
 */
#ifndef STAT_PROGRESS_H
#define STAT_PROGRESS_H

#include <stdint.h>

void progress_start(const char *label, uint64_t total);
void progress_show(uint64_t done); /* draws only now and then: may be called often */
void progress_clear(void);         /* takes the bar away; before every message */

#endif
