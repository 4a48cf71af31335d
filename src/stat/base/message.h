/* SPDX-License-Identifier: MIT */
/*
 * message.h - what the program says on standard error.
 *
 * A process that measures may have standard error turned away: what the collector or the system's
 * libraries print there goes to a file, and the program's own lines still come through.
 */
#ifndef STAT_BASE_MESSAGE_H
#define STAT_BASE_MESSAGE_H

#include <stddef.h>

/* One line, "hapax: ...". Control characters, as in odd file names, are shown as '?'. On a
   terminal the progress bar is taken away first. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From now on whatever other code writes to standard error goes to this descriptor. The lines of
   complain go where they went before. */
void message_turn_away(int others);

/* The status of a process that has said why it failed. */
enum { EXIT_SAID_WHY = 3 };

/* Says that memory ran out and ends the process with EXIT_SAID_WHY, flushing nothing. */
void out_of_memory(void) __attribute__((noreturn));

/* Says what failed, and why from errno, and ends the process in the same way. */
void give_up(const char *what) __attribute__((noreturn));

/* As malloc, calloc and realloc, and never NULL: out_of_memory instead. */
void *need_memory(size_t size);
void *need_zeroed(size_t count, size_t size);
void *need_resized(void *old, size_t size);

#endif
