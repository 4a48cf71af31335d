/* split_words.c - values are what stands between white space: blank, \t, \n, \v, \f, \r. */
#include "config.h"

#include "split.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool split_words(const char *data, size_t size, const struct split_sink *sink,
                 struct split_error *error)
{
    (void)error;
    const char *end = data + size;
    const char *told = data;
    const char *at = data;
    for (;;) {
        while (at < end && is_space(*at))
            at++;
        split_advance_to(sink, &told, at);
        if (at == end)
            break;
        const char *start = at;
        while (at < end && !is_space(*at))
            at++;
        sink->value(sink->context, start, (size_t)(at - start));
    }
    split_advance_end(sink, told, end);
    return true;
}

size_t split_words_boundary(const char *data, size_t size, size_t at)
{
    if (at == 0)
        return 0;
    while (at < size && !is_space(data[at]))
        at++;
    return at < size ? at : size;
}
