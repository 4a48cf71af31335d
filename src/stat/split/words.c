/* SPDX-License-Identifier: MIT */
/* words.c - values are what stands between white space: blank, \t, \n, \v, \f, \r. */
#include "config.h"

#include "stat/split/split.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void put_begun(struct splitting *splitting, struct bytes *begun)
{
    if (begun->size > 0)
        split_put(splitting, SPLIT_NO_PLACE, begun->data, begun->size);
    begun->size = 0;
}

/* Hands out the words that end in the piece; begun holds the word that has begun before it. */
static void put_words(struct splitting *splitting, const struct piece *piece, struct bytes *begun)
{
    const char *at = piece->data;
    const char *end = at + piece->size;
    while (at < end) {
        const char *start = at;
        while (at < end && !is_space(*at))
            at++;
        if (at == end || begun->size > 0)
            bytes_append(begun, start, (size_t)(at - start));
        else if (at > start)
            split_put(splitting, SPLIT_NO_PLACE, start, (size_t)(at - start));
        if (at < end)
            put_begun(splitting, begun);
        while (at < end && is_space(*at))
            at++;
    }
}

bool split_words(struct splitting *splitting)
{
    struct bytes begun = { NULL, 0, 0 };
    struct piece piece;
    bool well;
    while ((well = split_next(splitting, &piece)) && piece.size > 0)
        put_words(splitting, &piece, &begun);
    if (well)
        put_begun(splitting, &begun);
    bytes_free(&begun);
    return well;
}
