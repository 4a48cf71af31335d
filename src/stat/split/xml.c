/* SPDX-License-Identifier: MIT */
/*
 * xml.c - values are element names, attribute names and values, and text, cut by expat.
 *
 * A text runs from one tag, comment or processing instruction to the next, with its entities
 * replaced; one of nothing but white space, as between indented elements, is no value. An
 * element's name counts once, at its start. All values are UTF-8, whatever the file is in.
 *
 * An entity whose definition stands in another file is not replaced: in a text it stays as it is
 * written, &name;. In an attribute it cannot be told from nothing: such a file is refused.
 *
 * Places: a text's is its element's name, an attribute value's element@attribute.
 */
#include "config.h"

#ifdef HAVE_EXPAT

#include "stat/base/bytes.h"
#include "stat/base/message.h"
#include "stat/input/encoding_table.h"
#include "stat/split/expat64.h"
#include "stat/split/split.h"
#include "stat/split/xml_entities.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Enough for the XML declaration, which names the encoding. */
enum { LOOK_AHEAD = 4096, MOST_AT_ONCE = 1 << 29 };

struct reading {
    struct splitting *splitting;
    XML_Parser parser;
    struct bytes text;  /* expat hands a text out in pieces */
    struct bytes name;  /* scratch, for the names of places */
    uint32_t *elements; /* the places of those that are open */
    size_t depth, room;
    uint32_t element_names, attribute_names;
    struct xml_entities entities;
    bool in_attribute_list; /* a declaration of attributes, with their default values */
    char encoding[64];       /* that expat does not know by itself */
    bool by_table;           /* it reads that through these */
    int characters[ENCODING_BYTES];
};

static void put(const struct reading *reading, uint32_t place, const char *string)
{
    split_put(reading->splitting, place, string, strlen(string));
}

static uint32_t fixed_place(const struct reading *reading, const char *name)
{
    return split_place(reading->splitting, name, strlen(name));
}

static void end_text(struct reading *reading)
{
    uint32_t place = reading->depth ? reading->elements[reading->depth - 1] : SPLIT_NO_PLACE;
    for (size_t i = 0; i < reading->text.size; i++)
        if (!memchr(" \t\r\n", reading->text.data[i], 4)) {
            split_put(reading->splitting, place, reading->text.data, reading->text.size);
            break;
        }
    reading->text.size = 0;
}

static void open_element(struct reading *reading, uint32_t place)
{
    if (reading->depth == reading->room) {
        reading->room = reading->room ? reading->room * 2 : 64;
        reading->elements =
            need_resized(reading->elements, reading->room * sizeof *reading->elements);
    }
    reading->elements[reading->depth++] = place;
}

static uint32_t attribute_place(struct reading *reading, const char *element, const char *attribute)
{
    reading->name.size = 0;
    bytes_append(&reading->name, element, strlen(element));
    bytes_append(&reading->name, "@", 1);
    bytes_append(&reading->name, attribute, strlen(attribute));
    return split_place(reading->splitting, reading->name.data, reading->name.size);
}

static const char lost_entity[] = "an attribute has an entity that another file defines";

/* Stops the parser. */
static void stop(struct reading *reading, const char *reason)
{
    split_fail(reading->splitting, (size_t)XML_GetCurrentLineNumber64(reading->parser), "%s", reason);
    XML_StopParser(reading->parser, XML_FALSE);
}

/* Whether the tag that expat stands at loses an entity. Of a tag in the text of an entity it does
   not say where that stands. */
static bool tag_loses_an_entity(struct reading *reading)
{
    int64_t offset = 0;
    uint64_t size = 0, count = XML_GetCurrentByteCount64(reading->parser);
    if (count == 0)
        return xml_entities_lose_in_tags(&reading->entities);
    const char *context = XML_GetInputContext64(reading->parser, &offset, &size);
    return context && count <= size - (uint64_t)offset &&
           xml_entities_lose(&reading->entities, context + offset, count);
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reading *reading = context;
    end_text(reading);
    if (attributes[0] && tag_loses_an_entity(reading)) {
        stop(reading, lost_entity);
        return;
    }
    put(reading, reading->element_names, name);
    open_element(reading, fixed_place(reading, name));
    for (size_t i = 0; attributes[i]; i += 2) {
        put(reading, reading->attribute_names, attributes[i]);
        put(reading, attribute_place(reading, name, attributes[i]), attributes[i + 1]);
    }
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    (void)name;
    struct reading *reading = context;
    end_text(reading);
    reading->depth--;
}

static void XMLCALL on_text(void *context, const XML_Char *data, int size)
{
    struct reading *reading = context;
    bytes_append(&reading->text, data, (size_t)size);
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

/* What no other handler gets: among it the references that expat does not follow, and the
   declarations of attributes, token by token. */
static void XMLCALL on_other(void *context, const XML_Char *data, int size)
{
    static const char list[] = "<!ATTLIST";
    struct reading *reading = context;
    if (size == sizeof list - 1 && memcmp(data, list, sizeof list - 1) == 0)
        reading->in_attribute_list = true;
    else if (size == 1 && *data == '>')
        reading->in_attribute_list = false;
    else if (reading->in_attribute_list && xml_entities_lose(&reading->entities, data, (size_t)size))
        stop(reading, lost_entity);
    else if (size > 2 && data[0] == '&' && data[size - 1] == ';')
        on_text(context, data, size);
}

static void XMLCALL on_skipped(void *context, const XML_Char *name, int is_parameter)
{
    struct reading *reading = context;
    if (is_parameter) {
        reading->entities.elsewhere = true;
        return;
    }
    bytes_append(&reading->text, "&", 1);
    bytes_append(&reading->text, name, strlen(name));
    bytes_append(&reading->text, ";", 1);
}

static void XMLCALL on_doctype(void *context, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int has_internal_subset)
{
    (void)name;
    (void)public;
    (void)has_internal_subset;
    struct reading *reading = context;
    if (system)
        reading->entities.elsewhere = true;
}

static void XMLCALL on_entity(void *context, const XML_Char *name, int is_parameter,
                              const XML_Char *value, int size, const XML_Char *base,
                              const XML_Char *system, const XML_Char *public,
                              const XML_Char *notation)
{
    (void)base;
    (void)system;
    (void)public;
    (void)notation;
    struct reading *reading = context;
    if (!is_parameter)
        xml_entities_add(&reading->entities, name, value, value ? (size_t)size : 0);
    else if (!value)
        reading->entities.elsewhere = true;
}

/* expat reads encodings of one byte a character through a table. For all others parse_head begins
   anew, with what iconv makes of the file. */
static int XMLCALL on_unknown_encoding(void *context, const XML_Char *name, XML_Encoding *info)
{
    struct reading *reading = context;
    snprintf(reading->encoding, sizeof reading->encoding, "%s", name);
    info->convert = NULL;
    info->data = NULL;
    info->release = NULL;
    reading->by_table = encoding_table(name, reading->characters);
    memcpy(info->map, reading->characters, sizeof reading->characters);
    return reading->by_table ? XML_STATUS_OK : XML_STATUS_ERROR;
}

static void start_parser(struct reading *reading, const char *encoding)
{
    XML_Parser parser = reading->parser = XML_ParserCreate(encoding);
    if (!parser)
        out_of_memory();
    XML_SetUserData(parser, reading);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    XML_SetCommentHandler(parser, on_comment);
    XML_SetProcessingInstructionHandler(parser, on_instruction);
    XML_SetDefaultHandlerExpand(parser, on_other);
    XML_SetSkippedEntityHandler(parser, on_skipped);
    XML_SetStartDoctypeDeclHandler(parser, on_doctype);
    XML_SetEntityDeclHandler(parser, on_entity);
    XML_SetUnknownEncodingHandler(parser, on_unknown_encoding, reading);
    /* Declarations behind a parameter entity that is defined in the file count too. */
    XML_SetParamEntityParsing(parser, XML_PARAM_ENTITY_PARSING_ALWAYS);
}

/* Whether the parser stands at a byte that the table has no character for. */
static bool is_at_no_character(struct reading *reading)
{
    int64_t offset = 0;
    uint64_t size = 0;
    const char *context = XML_GetInputContext64(reading->parser, &offset, &size);
    return reading->by_table && context && (uint64_t)offset < size &&
           reading->characters[(unsigned char)context[offset]] == -1;
}

static bool explain(struct reading *reading)
{
    enum XML_Error code = XML_GetErrorCode(reading->parser);
    if (code == XML_ERROR_ABORTED)
        return false; /* stop has explained it */
    if (code == XML_ERROR_NO_MEMORY && XML_GetCurrentByteIndex64(reading->parser) < INT_MAX / 4)
        out_of_memory();
    size_t line = (size_t)XML_GetCurrentLineNumber64(reading->parser);
    if (code == XML_ERROR_INVALID_TOKEN && is_at_no_character(reading))
        return split_fail(reading->splitting, line, NO_CHARACTER,
                          (uint64_t)XML_GetCurrentByteIndex64(reading->parser) + 1, reading->encoding);
    return split_fail(reading->splitting, line, "%s", XML_ErrorString(code));
}

/* Parses the piece, of at most INT_MAX bytes. */
static bool parse(struct reading *reading, const struct piece *piece)
{
    return XML_Parse(reading->parser, piece->data, (int)piece->size, piece->size == 0) ==
           XML_STATUS_OK;
}

/* The beginning, in whatever encoding it says it is in: it is parsed again once it has said so. */
static bool parse_head(struct reading *reading)
{
    struct source *source = reading->splitting->source;
    struct piece head;
    if (!split_peek(reading->splitting, LOOK_AHEAD, &head))
        return false;
    start_parser(reading, source->is_utf8 ? "UTF-8" : NULL);
    if (head.size == 0 || parse(reading, &head))
        return split_next(reading->splitting, &head);
    if (XML_GetErrorCode(reading->parser) != XML_ERROR_UNKNOWN_ENCODING)
        return explain(reading);
    if (!source_set_encoding(source, reading->encoding))
        return split_fail(reading->splitting, 1, "unknown encoding: %s", reading->encoding);
    reading->by_table = false;
    XML_ParserFree(reading->parser);
    start_parser(reading, "UTF-8");
    reading->in_attribute_list = false;
    return true;
}

/* A token that is cut in pieces is read anew with each piece: they become larger as long as expat
   does not get on. */
static bool parse_rest(struct reading *reading)
{
    struct piece piece;
    size_t wanted = 1;
    do {
        int64_t before = XML_GetCurrentByteIndex64(reading->parser);
        if (!split_peek(reading->splitting, wanted, &piece) ||
            !split_next(reading->splitting, &piece))
            return false;
        if (!parse(reading, &piece))
            return explain(reading);
        bool stands = XML_GetCurrentByteIndex64(reading->parser) == before;
        wanted = !stands ? 1 : piece.size < MOST_AT_ONCE ? piece.size * 2 : MOST_AT_ONCE;
    } while (piece.size > 0);
    return true;
}

bool split_xml(struct splitting *splitting)
{
    struct reading reading = { .splitting = splitting };
    reading.element_names = fixed_place(&reading, "(element name)");
    reading.attribute_names = fixed_place(&reading, "(attribute name)");
    bool well = parse_head(&reading) && parse_rest(&reading);
    if (reading.parser)
        XML_ParserFree(reading.parser);
    bytes_free(&reading.text);
    bytes_free(&reading.name);
    xml_entities_free(&reading.entities);
    free(reading.elements);
    return well;
}

#else
typedef int no_xml_in_this_build;
#endif
