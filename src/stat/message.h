/*
 * message.h - what the program says on standard error.
 */
#ifndef STAT_MESSAGE_H
#define STAT_MESSAGE_H

#include <stddef.h>

/* One line, "hapax: ...". Control characters, as in odd file names, are shown as '?'. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says that memory ran out and ends the process with status 1, flushing nothing. */
_Noreturn void out_of_memory(void);

/* As malloc, calloc and realloc, and never NULL: out_of_memory instead. */
void *need_memory(size_t size);
void *need_zeroed(size_t count, size_t size);
void *need_resized(void *old, size_t size);

#endif
