/* message.c - what the program says on standard error. */
#include "config.h"

#include "message.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void complain(const char *format, ...)
{
    static const char prefix[] = "hapax: ";
    char line[4096 + sizeof prefix + 1];
    size_t size = sizeof prefix - 1;
    for (size_t i = 0; i < size; i++)
        line[i] = prefix[i];

    va_list arguments;
    va_start(arguments, format);
    int wanted = vsnprintf(line + size, sizeof line - size - 1, format, arguments);
    va_end(arguments);
    if (wanted > 0) {
        size_t room = sizeof line - size - 2;
        size += (size_t)wanted < room ? (size_t)wanted : room;
    }
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[size++] = '\n';

    /* One write: lines of two processes never mix. Where it fails there is nobody left to tell. */
    ssize_t written = write(STDERR_FILENO, line, size);
    (void)written;
}

_Noreturn void out_of_memory(void)
{
    complain("out of memory");
    _exit(EXIT_FAILURE);
}

static void *never_null(void *memory)
{
    if (!memory)
        out_of_memory();
    return memory;
}

void *need_memory(size_t size)
{
    return never_null(malloc(size ? size : 1));
}

void *need_zeroed(size_t count, size_t size)
{
    return never_null(calloc(count ? count : 1, size ? size : 1));
}

void *need_resized(void *old, size_t size)
{
    return never_null(realloc(old, size ? size : 1));
}
