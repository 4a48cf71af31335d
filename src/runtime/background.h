/* SPDX-License-Identifier: MIT */
/* Threads of the library's own. */
#ifndef HAPAX_BACKGROUND_H
#define HAPAX_BACKGROUND_H

#include <stdbool.h>

/* Starts a detached thread that takes no signals but those the collector needs, and is not cancelled. 0, or an error
 * number. The thread is not known to the collector yet: until it has called thread_enter, what it is given is kept
 * alive by the caller. */
int background_start(void *(*function)(void *), void *argument);

/* In the child of a fork: where a thread of the library's own has forked, in a function of the program's, it is the
 * child's only thread from now on, and takes the signals that its creator took. */
void background_fork_child(void);

/* Whether the calling thread is one of the library's own that was left alone in the child of a fork. */
bool background_is_orphan(void);

#endif
