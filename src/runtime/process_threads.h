/* SPDX-License-Identifier: MIT */
/* Whether a stopped world is wholly stopped: whether each thread of the process is one that the library has made known
 * to the collector. Others run on, and may change and unmap memory meanwhile.
 *
 * Inside a collection: system calls alone. */
#ifndef HAPAX_PROCESS_THREADS_H
#define HAPAX_PROCESS_THREADS_H

#include <stdbool.h>

bool process_threads_all_known(void);

/* The child of a fork has other threads. */
void process_threads_fork_child(void);

#endif
