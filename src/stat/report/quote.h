/* SPDX-License-Identifier: MIT */
/*
 * quote.h - a value of any bytes on a terminal: in quotes, and nothing in it acts or hides.
 *
 * Escaped are: what is no text in the locale, control characters, quotes and backslashes, and
 * characters that one cannot see or that turn the line round (blank ones but the space, those
 * without a width, those written from right to left).
 */
#ifndef STAT_REPORT_QUOTE_H
#define STAT_REPORT_QUOTE_H

#include <stdbool.h>
#include <stddef.h>

/* Writes it to standard output in at most width columns; what does not fit ends in "...". whole
   false: there is more of the value than these bytes. */
void quote_put(const char *data, size_t size, bool whole, int width);

#endif
