/* SPDX-License-Identifier: MIT */
/* utf8.c - finding the characters in bytes that may be UTF-8. */
#include "config.h"

#include "stat/base/utf8.h"

size_t utf8_length(const char *data, size_t size)
{
    if (size == 0)
        return 0;
    unsigned char first = (unsigned char)data[0];
    if (first < 0x80)
        return 1;

    /* The second byte's range keeps out overlong forms, surrogates, and what lies beyond 10FFFF. */
    size_t length;
    unsigned char least = 0x80, most = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
        length = 2;
    } else if (first >= 0xe0 && first <= 0xef) {
        length = 3;
        least = first == 0xe0 ? 0xa0 : 0x80;
        most = first == 0xed ? 0x9f : 0xbf;
    } else if (first >= 0xf0 && first <= 0xf4) {
        length = 4;
        least = first == 0xf0 ? 0x90 : 0x80;
        most = first == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    if (size < length)
        return 0;
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)data[i];
        if (next < least || next > most)
            return 0;
        least = 0x80;
        most = 0xbf;
    }
    return length;
}
