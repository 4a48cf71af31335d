/* SPDX-License-Identifier: MIT */
/*
 * encoding_table.c - the characters of an encoding in which each is one byte.
 *
 * iconv is asked byte by byte: of a text it joins some letters with the marks behind them
 * (windows-1255, windows-1258), and what is compared here are the characters as they stand.
 */
#include "config.h"

#include "stat/input/encoding_table.h"

#include "stat/base/message.h"

#include <errno.h>
#include <iconv.h>
#include <stddef.h>

enum { FIRST_BEYOND_ASCII = 128, CHARACTER_SIZE = 4 };

/* The character of a byte; -1: none; -2: not in one byte. */
static int character_of(iconv_t converter, char byte)
{
    unsigned char text[4 * CHARACTER_SIZE];
    char *in = &byte, *out = (char *)text;
    size_t in_left = 1, out_left = sizeof text;
    iconv(converter, NULL, NULL, NULL, NULL);
    if (iconv(converter, &in, &in_left, &out, &out_left) == (size_t)-1)
        return errno == EILSEQ ? -1 : -2;
    iconv(converter, NULL, NULL, &out, &out_left); /* what it holds back, waiting for a mark */
    if (sizeof text - out_left != CHARACTER_SIZE)
        return -2;
    return text[0] | text[1] << 8 | text[2] << 16;
}

bool encoding_table(const char *name, int characters[ENCODING_BYTES])
{
    iconv_t converter = iconv_open("UTF-32LE", name);
    if (converter == (iconv_t)-1) {
        if (errno == ENOMEM)
            out_of_memory();
        return false;
    }
    bool well = true;
    for (int byte = 0; byte < ENCODING_BYTES && well; byte++) {
        characters[byte] = character_of(converter, (char)byte);
        well = characters[byte] != -2 && (byte >= FIRST_BEYOND_ASCII || characters[byte] == byte);
    }
    iconv_close(converter);
    return well;
}
