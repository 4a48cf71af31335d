/* SPDX-License-Identifier: MIT */
/* clocks.c - the time that passes, and the time that the processors work for this process. */
#include "config.h"

#include "stat/measure/clocks.h"

#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double clock_wall(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double clock_processor(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}
