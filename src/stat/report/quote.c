/* SPDX-License-Identifier: MIT */
/* quote.c - a value of any bytes on a terminal. */
#include "config.h"
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* wcwidth */
#endif

#include "stat/report/quote.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

/* One character of a value, or an escape for it. */
struct glyph {
    char text[MB_LEN_MAX + 8];
    int width;     /* columns */
    size_t length; /* bytes of the value it stands for */
};

/* The blocks of Hebrew, Arabic and the scripts beside them. */
static bool is_right_to_left(unsigned long c)
{
    return (c >= 0x590 && c <= 0x8ff) || (c >= 0xfb1d && c <= 0xfdff) ||
           (c >= 0xfe70 && c <= 0xfeff) || (c >= 0x10800 && c <= 0x10fff) ||
           (c >= 0x1e800 && c <= 0x1efff);
}

static struct glyph escaped(char kind, int digits, unsigned long number, size_t length)
{
    struct glyph glyph = { "", 0, length };
    glyph.width = snprintf(glyph.text, sizeof glyph.text, "\\%c%0*lx", kind, digits, number);
    return glyph;
}

static struct glyph as_it_is(const char *text, size_t length, int width)
{
    struct glyph glyph = { "", width, length };
    memcpy(glyph.text, text, length);
    return glyph;
}

static struct glyph glyph_at(const char *data, size_t size)
{
    unsigned char byte = (unsigned char)data[0];
    const char *simple = byte == '\n'   ? "\\n"
                         : byte == '\t' ? "\\t"
                         : byte == '\r' ? "\\r"
                         : byte == '\\' ? "\\\\"
                         : byte == '"'  ? "\\\""
                                        : NULL;
    if (simple) {
        struct glyph glyph = as_it_is(simple, 2, 2);
        glyph.length = 1;
        return glyph;
    }
    wchar_t wide;
    mbstate_t state;
    memset(&state, 0, sizeof state);
    size_t length = mbrtowc(&wide, data, size < MB_LEN_MAX ? size : MB_LEN_MAX, &state);
    if (length == 0 || length > MB_LEN_MAX || byte < 0x20 || byte == 0x7f)
        return escaped('x', 2, byte, 1);
    int width = wcwidth(wide);
    unsigned long c = (unsigned long)wide;
    bool hidden = width <= 0 || (iswspace((wint_t)wide) && c != ' ') || c == 0xa0;
    if (hidden || is_right_to_left(c))
        return c > 0xffff ? escaped('U', 8, c, length) : escaped('u', 4, c, length);
    return as_it_is(data, length, width);
}

/* How many bytes from data on fit into the width. */
static size_t fitting(const char *data, size_t size, int width)
{
    size_t at = 0;
    while (at < size) {
        struct glyph glyph = glyph_at(data + at, size - at);
        if (glyph.width > width)
            break;
        width -= glyph.width;
        at += glyph.length;
    }
    return at;
}

void quote_put(const char *data, size_t size, bool whole, int width)
{
    enum { QUOTES = 2, DOTS = 3 };
    size_t shown = fitting(data, size, width - QUOTES);
    bool cut = !whole || shown < size;
    if (cut)
        shown = fitting(data, size, width - QUOTES - DOTS);
    putchar('"');
    for (size_t at = 0; at < shown;) {
        struct glyph glyph = glyph_at(data + at, size - at);
        fputs(glyph.text, stdout);
        at += glyph.length;
    }
    fputs(cut ? "\"..." : "\"", stdout);
}
