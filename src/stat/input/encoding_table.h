/* SPDX-License-Identifier: MIT */
/* encoding_table.h - the characters of an encoding in which each is one byte. */
#ifndef STAT_INPUT_ENCODING_TABLE_H
#define STAT_INPUT_ENCODING_TABLE_H

#include <stdbool.h>

enum { ENCODING_BYTES = 256 };

/* Fills in the character of each byte, -1 for one that is none. False if the system does not know
   the encoding, if it has longer characters or shifts, or if it differs from ASCII below 128. */
bool encoding_table(const char *name, int characters[ENCODING_BYTES]);

#endif
