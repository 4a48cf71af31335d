/* SPDX-License-Identifier: MIT */
/* unmarked.c - whether text without a byte order mark is UTF-16 or UTF-32. */
#include "config.h"

#include "stat/input/unmarked.h"

#include <stdbool.h>

/* Whether so many characters of ASCII begin the text, of which each has unit bytes, and the one
   that is not zero is the last or the first of them. */
static bool begins_in(const struct piece *head, size_t count, size_t unit, bool last)
{
    if (head->size < count * unit)
        return false;
    for (size_t i = 0; i < count * unit; i++) {
        unsigned char byte = (unsigned char)head->data[i];
        bool is_letter = i % unit == (last ? unit - 1 : 0);
        if (is_letter ? byte == 0 || byte > 0x7f : byte != 0)
            return false;
    }
    return true;
}

static const char *begins_with_ascii(const struct piece *head, size_t count)
{
    /* A character of ASCII and a zero in UTF-16LE would be one in UTF-32LE: that comes first. */
    if (begins_in(head, count, 4, false))
        return "UTF-32LE";
    if (begins_in(head, count, 4, true))
        return "UTF-32BE";
    if (begins_in(head, count, 2, false))
        return "UTF-16LE";
    if (begins_in(head, count, 2, true))
        return "UTF-16BE";
    return NULL;
}

/* Whether zeros stand at one side of the pairs alone, and one of them beside a newline. */
static bool has_line_in(const struct piece *head, size_t zero_side)
{
    bool has_line = false;
    size_t zeros = 0;
    for (size_t i = 0; i + 1 < head->size; i += 2) {
        if (head->data[i + 1 - zero_side] == 0)
            return false;
        bool zero = head->data[i + zero_side] == 0;
        zeros += zero;
        has_line |= zero && head->data[i + 1 - zero_side] == '\n';
    }
    return has_line && zeros > 1;
}

/* The same of UTF-32, where no character has more than 21 bits. */
static bool has_long_line_in(const struct piece *head, bool last)
{
    bool has_line = false;
    for (size_t i = 0; i + 3 < head->size; i += 4) {
        const unsigned char *unit = (const unsigned char *)head->data + i;
        if (unit[last ? 0 : 3] != 0 || unit[last ? 1 : 2] > 0x10)
            return false;
        has_line |= unit[last ? 3 : 0] == '\n' && unit[last ? 2 : 1] == 0 &&
                    unit[last ? 1 : 2] == 0;
    }
    return has_line;
}

const char *unmarked_encoding_ascii_first(const struct piece *head)
{
    return begins_with_ascii(head, 1);
}

const char *unmarked_encoding(const struct piece *head)
{
    const char *encoding = begins_with_ascii(head, 2);
    if (encoding)
        return encoding;
    if (has_long_line_in(head, false))
        return "UTF-32LE";
    if (has_long_line_in(head, true))
        return "UTF-32BE";
    if (has_line_in(head, 1))
        return "UTF-16LE";
    return has_line_in(head, 0) ? "UTF-16BE" : NULL;
}
