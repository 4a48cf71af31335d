/* SPDX-License-Identifier: MIT */
/* What the programs share: the texts of their values. */
#ifndef NATURAL_H
#define NATURAL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUES(argc, argv) ((argc) > 1 ? (unsigned)atoi((argv)[1]) : 200000u)

static inline const char *text_of(char text[32], unsigned number)
{
    snprintf(text, 32, "value number %u", number);
    return text;
}

#define CHECK(condition, ...) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, __VA_ARGS__); \
            fputc('\n', stderr); \
            exit(1); \
        } \
    } while (0)

#endif
