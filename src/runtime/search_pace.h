/* SPDX-License-Identifier: MIT */
/* How often malloc's memory is searched. A search costs time in proportion to that memory, whatever there is to
 * collect: a small collected heap beside a large one of malloc's would be collected over and over, and each time the
 * large one searched. So the collector is told how many bytes have to be allocated before it runs again by itself: as
 * many as the program allocates in ten times the time that the last search took.
 *
 * Inside collections. */
#ifndef HAPAX_SEARCH_PACE_H
#define HAPAX_SEARCH_PACE_H

#include <stdint.h>

/* A search of so many bytes lasted from `begin` to `end`, in nanoseconds of the monotonic clock. */
void search_pace_searched(uint64_t bytes, uint64_t begin, uint64_t end);

/* There are no searches any more. Outside of collections, too. */
void search_pace_end(void);

#endif
