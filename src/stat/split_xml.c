/*
 * split_xml.c - values are element names, attribute names and values, and text, cut by expat.
 *
 * A text runs from one tag, comment or processing instruction to the next, with its entities
 * replaced; one of nothing but white space, as between indented elements, is no value. An
 * element's name counts once, at its start. All values are UTF-8, whatever the file is in.
 */
#include "config.h"

#ifdef HAVE_EXPAT

#include "bytes.h"
#include "message.h"
#include "split.h"

#include <expat.h>
#include <stdio.h>
#include <string.h>

/* expat counts the bytes of a call in int. Pieces are large, because of a token that is cut in
   pieces expat reads the beginning anew for each piece. */
enum { PIECE = 1 << 30 };

struct reading {
    const struct split_sink *sink;
    struct bytes text; /* expat hands a text out in pieces */
    XML_Parser parser;
    const char *data; /* the input */
    const char *told; /* the sink has heard of the way to here */
};

static void advance(struct reading *reading)
{
    XML_Index index = XML_GetCurrentByteIndex(reading->parser);
    if (index > 0)
        split_advance_to(reading->sink, &reading->told, reading->data + index);
}

static void put(const struct reading *reading, const char *string)
{
    reading->sink->value(reading->sink->context, string, strlen(string));
}

static void end_text(struct reading *reading)
{
    for (size_t i = 0; i < reading->text.size; i++)
        if (!memchr(" \t\r\n", reading->text.data[i], 4)) {
            reading->sink->value(reading->sink->context, reading->text.data, reading->text.size);
            break;
        }
    reading->text.size = 0;
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = context;
    end_text(reading);
    put(reading, name);
    for (size_t i = 0; attributes[i]; i++)
        put(reading, attributes[i]);
    advance(reading);
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    (void)name;
    end_text(context);
}

static void XMLCALL on_text(void *context, const XML_Char *data, int size)
{
    struct reading *reading = context;
    bytes_append(&reading->text, data, (size_t)size);
    advance(reading);
}

static void XMLCALL on_comment(void *context, const XML_Char *data)
{
    (void)data;
    end_text(context);
}

static void XMLCALL on_instruction(void *context, const XML_Char *target, const XML_Char *data)
{
    (void)target;
    (void)data;
    end_text(context);
}

static bool parse(XML_Parser parser, const char *data, size_t size, struct split_error *error)
{
    size_t at = 0;
    bool last;
    do {
        size_t piece = size - at < PIECE ? size - at : PIECE;
        last = at + piece == size;
        if (XML_Parse(parser, data + at, (int)piece, last) != XML_STATUS_OK) {
            enum XML_Error code = XML_GetErrorCode(parser);
            if (code == XML_ERROR_NO_MEMORY)
                out_of_memory();
            error->line = (size_t)XML_GetCurrentLineNumber(parser);
            snprintf(error->reason, sizeof error->reason, "%s", XML_ErrorString(code));
            return false;
        }
        at += piece;
    } while (!last);
    return true;
}

bool split_xml(const char *data, size_t size, const struct split_sink *sink,
               struct split_error *error)
{
    struct reading reading = { sink, { NULL, 0, 0 }, XML_ParserCreate(NULL), data, data };
    if (!reading.parser)
        out_of_memory();
    XML_SetUserData(reading.parser, &reading);
    XML_SetElementHandler(reading.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reading.parser, on_text);
    XML_SetCommentHandler(reading.parser, on_comment);
    XML_SetProcessingInstructionHandler(reading.parser, on_instruction);
    bool well_formed = parse(reading.parser, data, size, error);
    split_advance_end(sink, reading.told, data + size);
    XML_ParserFree(reading.parser);
    bytes_free(&reading.text);
    return well_formed;
}

#else
typedef int no_xml_in_this_build;
#endif
