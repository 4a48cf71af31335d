/*
 * split_json.c - values are the keys and scalar values of JSON, cut by yajl.
 *
 * Strings count without their quotes and with their escapes undone, numbers as they are written,
 * and true, false and null by their names. Several JSON texts may follow each other, as in JSON
 * lines; none at all is right too.
 */
#include "config.h"

#ifdef HAVE_YAJL

#include "message.h"
#include "split.h"

#include <stdio.h>
#include <string.h>
#include <yajl/yajl_parse.h>

struct reading {
    const struct split_sink *sink;
    yajl_handle parser;
    const char *data; /* the input */
    const char *told; /* the sink has heard of the way to here */
};

static int on_text(void *context, const char *data, size_t size)
{
    struct reading *reading = context;
    const struct split_sink *sink = reading->sink;
    sink->value(sink->context, data, size);
    split_advance_to(sink, &reading->told,
                     reading->data + yajl_get_bytes_consumed(reading->parser));
    return 1;
}

static int on_string(void *context, const unsigned char *data, size_t size)
{
    return on_text(context, size ? (const char *)data : "", size);
}

static int on_null(void *context)
{
    return on_text(context, "null", 4);
}

static int on_boolean(void *context, int value)
{
    return value ? on_text(context, "true", 4) : on_text(context, "false", 5);
}

static const yajl_callbacks callbacks = {
    .yajl_null = on_null,
    .yajl_boolean = on_boolean,
    .yajl_number = on_text,
    .yajl_string = on_string,
    .yajl_map_key = on_string,
};

/* yajl's words in one line, without its "parse error: ". */
static void describe(yajl_handle parser, struct split_error *error)
{
    unsigned char *message = yajl_get_error(parser, 0, NULL, 0);
    if (!message)
        out_of_memory();
    const char *reason = (const char *)message;
    static const char prefix[] = "parse error: ";
    if (strncmp(reason, prefix, sizeof prefix - 1) == 0)
        reason += sizeof prefix - 1;
    snprintf(error->reason, sizeof error->reason, "%.*s", (int)strcspn(reason, "\n"), reason);
    yajl_free_error(parser, message);
}

static bool only_white_space(const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (!memchr(" \t\r\n", data[i], 4))
            return false;
    return true;
}

/* All at once: of a string that is cut in pieces yajl reads the beginning anew for each piece. */
static bool parse(yajl_handle parser, const char *data, size_t size, struct split_error *error)
{
    if (yajl_parse(parser, (const unsigned char *)data, size) != yajl_status_ok) {
        size_t consumed = yajl_get_bytes_consumed(parser);
        size_t last = consumed > 0 && consumed <= size ? consumed - 1 : 0;
        error->line = split_line_at(data, last);
    } else if (yajl_complete_parse(parser) != yajl_status_ok) {
        error->line = split_line_at(data, size - 1);
    } else {
        return true;
    }
    describe(parser, error);
    return false;
}

bool split_json(const char *data, size_t size, const struct split_sink *sink,
                struct split_error *error)
{
    struct reading reading = { sink, NULL, data, data };
    bool well_formed = true;
    if (!only_white_space(data, size)) {
        reading.parser = yajl_alloc(&callbacks, NULL, &reading);
        if (!reading.parser || !yajl_config(reading.parser, yajl_allow_multiple_values, 1))
            out_of_memory();
        well_formed = parse(reading.parser, data, size, error);
        yajl_free(reading.parser);
    }
    split_advance_end(sink, reading.told, data + size);
    return well_formed;
}

#else
typedef int no_json_in_this_build;
#endif
