/* SPDX-License-Identifier: MIT */
/* terminal.c - what the terminal can show. */
#include "config.h"

#include "stat/base/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { USUAL_WIDTH = 80, NARROWEST = 40, WIDEST = 160 };

int terminal_width(int fd)
{
    struct winsize size;
    if (!isatty(fd) || ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
        return USUAL_WIDTH;
    if (size.ws_col < NARROWEST)
        return NARROWEST;
    return size.ws_col < WIDEST ? size.ws_col : WIDEST;
}

bool terminal_color(int fd)
{
    const char *kind = secure_getenv("TERM");
    const char *refusal = secure_getenv("NO_COLOR");
    return isatty(fd) && kind && strcmp(kind, "dumb") != 0 && !(refusal && *refusal);
}
