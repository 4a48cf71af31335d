/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=lost: finds values, tables, caches and weak pointers that a collection is about to free although their
 * addresses are in memory of the program. This memory is not searched, but the program may believe that it is.
 *
 * While the switch is on, the library records for each thing where it was made, which takes some microseconds. */
#ifndef HAPAX_LOST_H
#define HAPAX_LOST_H

/* The library's start: reads the switch. 0, or -1 with errno. */
int lost_start(void);

/* The threads are about to be stopped. */
void lost_before_stop(void);
/* mark_end, when all is marked and before the weak words are decided about. */
void lost_mark_end(void);

#endif
