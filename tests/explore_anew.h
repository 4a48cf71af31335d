/* SPDX-License-Identifier: MIT */
/* What a run of the explorer leaves behind, and the next must not find: a run depends on the order of its threads
 * alone.
 *
 * Collections search stacks for whatever looks like an object's address, also in what a call has not written, so that a
 * word of the last run keeps an object of this one alive. Free objects of the last run move the addresses of the next.
 * The process has sets of its own, which no run leaves an object in, but whose words are used up, and whose roots
 * grow. */
#ifndef TESTS_EXPLORE_ANEW_H
#define TESTS_EXPLORE_ANEW_H

/* All threads have ended; they begin in `run`. */
void explore_begin_anew(void (*run)(void));

#endif
