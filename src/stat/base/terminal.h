/* SPDX-License-Identifier: MIT */
/*
 * terminal.h - what the terminal can show.
 */
#ifndef STAT_BASE_TERMINAL_H
#define STAT_BASE_TERMINAL_H

#include <stdbool.h>

int terminal_width(int fd);  /* columns; 80 if it is no terminal */
bool terminal_color(int fd); /* a terminal that shows emphasis, and a user who wants it */

#endif
