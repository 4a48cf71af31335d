/* SPDX-License-Identifier: MIT */
/*
 * utf8.h - finding the characters in bytes that may be UTF-8.
 */
#ifndef STAT_BASE_UTF8_H
#define STAT_BASE_UTF8_H

#include <stddef.h>

/* The length of the character at data; 0 if the bytes there are not UTF-8. */
size_t utf8_length(const char *data, size_t size);

#endif
