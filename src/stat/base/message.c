/* SPDX-License-Identifier: MIT */
/* message.c - what the program says on standard error. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* F_DUPFD_CLOEXEC */
#endif

#include "stat/base/message.h"

#include "stat/base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int message_fd = STDERR_FILENO;

void message_turn_away(int others)
{
    int kept = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (kept < 0)
        return; /* nothing is turned away then: rather too many lines than none */
    message_fd = kept;
    dup2(others, STDERR_FILENO);
}

/* Whether the character, of size bytes in UTF-8, could steer a terminal or hide what follows. */
static bool is_hidden(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    if (size == 1)
        return at[0] < 0x20 || at[0] == 0x7f;
    if (size == 2) /* up to U+009F; U+061C */
        return (at[0] == 0xc2 && at[1] < 0xa0) || (at[0] == 0xd8 && at[1] == 0x9c);
    if (size != 3)
        return false;
    unsigned c = (at[0] & 0xfU) << 12 | (at[1] & 0x3fU) << 6 | (at[2] & 0x3fU);
    return (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
           (c >= 0x2060 && c <= 0x206f) || c == 0xfeff;
}

/* Names of files and pieces of them may hold anything: each byte that is not to be shown becomes a
   question mark. */
static void make_harmless(char *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t length = utf8_length(text + at, size - at);
        if (length == 0 || is_hidden(text + at, length))
            memset(text + at, '?', length = length ? length : 1);
        at += length;
    }
}

/* Formats one line into text, which has room for size bytes; returns its length. */
__attribute__((format(printf, 3, 0)))
static size_t format_line(char *text, size_t size, const char *format, va_list arguments)
{
    static const char prefix[] = "hapax: ";
    size_t used = sizeof prefix - 1;
    memcpy(text, prefix, used);
    int wanted = vsnprintf(text + used, size - used - 1, format, arguments);
    if (wanted > 0) {
        size_t room = size - used - 2;
        used += (size_t)wanted < room ? (size_t)wanted : room;
    }
    make_harmless(text, used);
    text[used++] = '\n';
    return used;
}

void complain(const char *format, ...)
{
    static const char clear[] = "\r\033[K";
    char text[4096];
    size_t used = isatty(message_fd) ? sizeof clear - 1 : 0;
    memcpy(text, clear, used);
    va_list arguments;
    va_start(arguments, format);
    used += format_line(text + used, sizeof text - used, format, arguments);
    va_end(arguments);

    /* One write: the lines of two processes never mix. If it fails there is nobody left to tell. */
    ssize_t written = write(message_fd, text, used);
    (void)written;
}

void out_of_memory(void)
{
    complain("out of memory");
    _exit(EXIT_SAID_WHY);
}

void give_up(const char *what)
{
    if (errno == ENOMEM)
        out_of_memory();
    complain("%s: %s", what, strerror(errno));
    _exit(EXIT_SAID_WHY);
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
