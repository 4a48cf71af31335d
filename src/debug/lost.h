/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=lost: finds values, tables, caches and weak pointers that a collection is about to take although their
 * addresses stand in memory of the program's: it is not searched, and the program may believe that it is.
 *
 * While the switch is on, each thing's place of making is remembered, which takes some microseconds for each. */
#ifndef HAPAX_LOST_H
#define HAPAX_LOST_H

/* The library's start: reads the switch. 0, or -1 with errno. */
int lost_start(void);

/* The threads are about to be stopped. */
void lost_before_stop(void);
/* mark_end, when all is marked and before the weak words are decided about. */
void lost_mark_end(void);

#endif
