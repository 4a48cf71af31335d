/* SPDX-License-Identifier: MIT */
/*
 * unmarked.h - whether text without a byte order mark is UTF-16 or UTF-32.
 *
 * Text of these has zero bytes, at places that tell which of them it is; text in UTF-8 or an
 * encoding of bytes has hardly any.
 */
#ifndef STAT_INPUT_UNMARKED_H
#define STAT_INPUT_UNMARKED_H

#include "stat/input/stage.h"

/* So many bytes are looked at. */
enum { UNMARKED_LOOK_AHEAD = 4096 };

/* Of text whose first character is ASCII, as in JSON and XML. NULL: bytes. */
const char *unmarked_encoding_ascii_first(const struct piece *head);

/* Of any text: two characters of ASCII tell, or a line that ends. NULL: bytes. */
const char *unmarked_encoding(const struct piece *head);

#endif
