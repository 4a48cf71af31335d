/* SPDX-License-Identifier: MIT */
/* The start of the library: once in a process, by whichever call comes first.
 *
 * Every public function makes sure of it through thread_enter, from the lowest floor up. What there is to start only
 * the highest floor knows, so that floor defines start_parts, and this one calls it.
 *
 * Threads: any; those that come while the first is at it wait for it. A fork beside it waits as well, where it can. */
#ifndef HAPAX_START_H
#define HAPAX_START_H

#include <stdbool.h>

/* Starts the collector and every part of the library. 0, or -1 with errno; a failed start may be tried again, and so
 * may one that a fork has cut short, in the child: each step is either done or may be done again. Called under the
 * start's lock, by a thread that is not cancelled. Defined in src/library/library.c. */
int start_parts(void);

/* 0, or -1 with errno. Does nothing once it has succeeded. */
int start_library(void);

/* Around a fork, outermost: no start is under way between prepare and parent or child. A caller that may hold what a
 * start waits for says so by `must_not_wait`: a start that is under way then stays so in the parent, and begins anew in
 * the child. Answers whether the library has started. */
bool start_fork_prepare(bool must_not_wait);
void start_fork_parent(void);
void start_fork_child(void);

#endif
