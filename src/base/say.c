/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* fprintf would do, but from glibc 2.37 on it writes 128 bytes at a time where the stream has no buffer. */
enum { LINE_BYTES = 2000 };
static const char prefix[] = "hapax: ";

void say(const char *format, ...)
{
    int before = errno;
    char line[LINE_BYTES];
    size_t length = sizeof prefix - 1;
    memcpy(line, prefix, length);
    va_list arguments;
    va_start(arguments, format);
    int more = vsnprintf(line + length, sizeof line - length, format, arguments);
    va_end(arguments);
    if (more > 0)
        length += (size_t)more < sizeof line - length ? (size_t)more : sizeof line - length - 1;
    line[length++] = '\n';
    (void)fwrite(line, 1, length, stderr);
    errno = before;
}
