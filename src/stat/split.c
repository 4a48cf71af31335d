/* split.c - the formats by name. */
#include "config.h"

#include "split.h"

#include <string.h>

#ifndef HAVE_LIBCSV
#define split_csv NULL
#endif
#ifndef HAVE_YAJL
#define split_json NULL
#endif
#ifndef HAVE_EXPAT
#define split_xml NULL
#endif

static const struct split_format formats[] = {
    { "lines", split_lines, split_lines_boundary, false, NULL },
    { "words", split_words, split_words_boundary, false, NULL },
    { "csv", split_csv, NULL, true, "libcsv" },
    { "json", split_json, NULL, true, "yajl" },
    { "xml", split_xml, NULL, true, "expat" },
    { "c", split_c, NULL, false, NULL },
};

const struct split_format *split_format_named(const char *name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, name) == 0)
            return &formats[i];
    return NULL;
}

size_t split_line_at(const char *data, size_t at)
{
    size_t line = 1;
    const char *end = data + at;
    while (data < end && (data = memchr(data, '\n', (size_t)(end - data))) != NULL) {
        line++;
        data++;
    }
    return line;
}
