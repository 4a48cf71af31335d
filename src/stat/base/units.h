/* SPDX-License-Identifier: MIT */
/*
 * units.h - numbers as people read them.
 */
#ifndef STAT_BASE_UNITS_H
#define STAT_BASE_UNITS_H

#include <stdint.h>

struct unit_text {
    char text[40];
};

struct unit_text unit_bytes(int64_t bytes);     /* "12.3 MiB" */
struct unit_text unit_count(uint64_t number);   /* "1,234,567" */
struct unit_text unit_seconds(double seconds);  /* "1.23 s", "45.6 ms" */
struct unit_text unit_percent(double part, double whole);

#endif
