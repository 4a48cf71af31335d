/* SPDX-License-Identifier: MIT */
/* How long bdwgc stops the threads: by its own events, from before the stop to
   after the restart. */

#ifndef BENCH_STOPS_H
#define BENCH_STOPS_H

#include <stdint.h>

/* Call it once, when the collector and a library on it have been started: an event
   callback that is there already goes on being called. */
void stops_watch(void);

/* Forgets the stops so far. Not while another thread may collect. */
void stops_reset(void);

uint64_t stops_count(void);
uint64_t stops_longest_ns(void);

#endif
