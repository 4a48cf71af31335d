/* SPDX-License-Identifier: MIT */
/* The time. */
#ifndef HAPAX_CLOCK_H
#define HAPAX_CLOCK_H

#include <stdint.h>

/* Nanoseconds of a clock that only goes forward. */
uint64_t monotonic_ns(void);

#endif
