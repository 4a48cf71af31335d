/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=threads: names the threads of the process that the collector does not know, and so neither stops nor searches.
 *
 * When a collection has stopped the world, known threads wait inside the collector's signal handler, which shows in what
 * signals they block. A thread that does not, in two collections that are some time apart, is named once: one that has just
 * been created may still make itself known. */
#ifndef HAPAX_UNKNOWN_THREADS_H
#define HAPAX_UNKNOWN_THREADS_H

/* The library's start: reads the switch. */
void unknown_threads_start(void);

/* mark_end. */
void unknown_threads_mark_end(void);

void unknown_threads_fork_child(void);

#endif
