/* The start of the library: once in a process, by whichever call comes first.
 *
 * Every public function makes sure of it through thread_enter, from the lowest floor up. What there is to start only
 * the highest floor knows, so that floor defines start_parts, and this one calls it.
 *
 * Threads: any; those that come while the first is at it wait for it. */
#ifndef HAPAX_START_H
#define HAPAX_START_H

/* Starts the collector and every part of the library. 0, or -1 with errno; a failed start may be tried again. Called
 * under the start's lock. Defined in src/library/library.c. */
int start_parts(void);

/* 0, or -1 with errno. Does nothing once it has succeeded. */
int start_library(void);

#endif
