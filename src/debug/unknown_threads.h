/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=threads: names the threads of the process that the collector does not know. It neither stops nor searches
 * them.
 *
 * When a collection has stopped the world, known threads wait inside the collector's signal handler, which shows in the
 * signals that they block. The library names a thread once, if it is not in the handler in two collections that are
 * some time apart: a thread that has just been created may still make itself known. */
#ifndef HAPAX_UNKNOWN_THREADS_H
#define HAPAX_UNKNOWN_THREADS_H

/* The library's start: reads the switch. */
void unknown_threads_start(void);

/* mark_end. */
void unknown_threads_mark_end(void);

void unknown_threads_fork_child(void);

#endif
