/* SPDX-License-Identifier: MIT */
/*
 * clocks.h - the time that passes, and the time that the processors work for this process.
 */
#ifndef STAT_MEASURE_CLOCKS_H
#define STAT_MEASURE_CLOCKS_H

/* Seconds. */
double clock_wall(void);
double clock_processor(void); /* all threads together */

#endif
