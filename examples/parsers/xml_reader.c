/* SPDX-License-Identifier: MIT */
/* An XML reader on expat: a tree whose element names, attribute names and texts are kept once.
 *
 *     xml_reader [--tree] [FILE...]
 *
 * Reads descriptions of file types (the freedesktop.org shared MIME database: *.xml in /usr/share/mime/packages) and
 * answers what people ask of them: for each type its comment, its patterns and the types it is a kind of. The elements
 * that mean something are known when the program is written; they are symbols, and a switch chooses what to do. With
 * --tree the program prints the elements and attributes of any XML instead. Without a FILE it reads the standard
 * input. */
#include "name.h"

#include <expat.h>

/* From expat 2.9 on, lines and columns have 64 bits. */
#if XML_MAJOR_VERSION == 2 && XML_MINOR_VERSION < 9
#define XML_GetCurrentLineNumber64 XML_GetCurrentLineNumber
#define XML_GetCurrentColumnNumber64 XML_GetCurrentColumnNumber
#endif

struct attribute {
    name key, value;
};

/* A tree in ordinary memory: the handles in it keep their values alive. */
struct element {
    name tag, text;                 /* the text of the element itself, without blanks at both ends; or NULL */
    struct attribute *attributes;
    size_t attribute_count, child_count;
    struct element **children;
    struct element *parent;
    unsigned long line;
};

/* ---- Symbols ---- */

enum { MIME_TYPE, COMMENT, GLOB, SUB_CLASS_OF, ALIAS, SYMBOLS };
static const char *const tags[SYMBOLS] = {"mime-type", "comment", "glob", "sub-class-of", "alias"};
static struct known_names known_tags = {tags, SYMBOLS, NULL};

static name type_key, pattern_key, language_key;

static name name_of_string(const char *text)
{
    return name_of(text, strlen(text));
}

/* ---- Reading ---- */

struct reader {
    XML_Parser parser;
    struct element *root, *here;
    char *text;                     /* of the element that is open */
    size_t used, room;
    const char *file;
    unsigned depth;
};

/* What has come of the text of an element belongs to it. */
static void end_text(struct reader *reader)
{
    const char *start = reader->text, *end = reader->text + reader->used;
    while (start < end && strchr(" \t\r\n", *start) != NULL)
        start++;
    while (end > start && strchr(" \t\r\n", end[-1]) != NULL)
        end--;
    if (end > start && reader->here != NULL && reader->here->text == NULL)
        reader->here->text = name_of(start, (size_t)(end - start));
    reader->used = 0;
}

/* The tree is walked by functions that call themselves. */
enum { DEEPEST = 1000 };

static void XMLCALL on_start(void *data, const XML_Char *tag, const XML_Char **attributes)
{
    struct reader *reader = data;
    end_text(reader);
    if (++reader->depth > DEEPEST)
        fail("%s:%lu:%lu: elements are nested too deeply", reader->file,
             (unsigned long)XML_GetCurrentLineNumber64(reader->parser),
             (unsigned long)XML_GetCurrentColumnNumber64(reader->parser) + 1);
    struct element *element = need(calloc(1, sizeof *element));
    element->tag = name_of_string(tag);
    element->line = (unsigned long)XML_GetCurrentLineNumber64(reader->parser);
    while (attributes[element->attribute_count * 2] != NULL)
        element->attribute_count++;
    element->attributes = need(malloc((element->attribute_count + 1) * sizeof *element->attributes));
    for (size_t i = 0; i < element->attribute_count; i++)
        element->attributes[i] =
            (struct attribute){name_of_string(attributes[i * 2]), name_of_string(attributes[i * 2 + 1])};
    element->parent = reader->here;
    if (reader->here == NULL) {
        reader->root = element;
    } else {
        struct element *parent = reader->here;
        parent->children = one_more(parent->children, parent->child_count, sizeof *parent->children);
        parent->children[parent->child_count++] = element;
    }
    reader->here = element;
}

static void XMLCALL on_end(void *data, const XML_Char *tag)
{
    (void)tag;
    struct reader *reader = data;
    end_text(reader);
    reader->here = reader->here->parent;
    reader->depth--;
}

static void XMLCALL on_text(void *data, const XML_Char *text, int size)
{
    struct reader *reader = data;
    if (reader->used + (size_t)size > reader->room)
        reader->text = need(realloc(reader->text, reader->room = (reader->used + (size_t)size) * 2));
    memcpy(reader->text + reader->used, text, (size_t)size);
    reader->used += (size_t)size;
}

static struct element *read_xml(const char *file)
{
    FILE *stream = strcmp(file, "-") == 0 ? stdin : open_file(file);
    struct reader reader = {.parser = XML_ParserCreate(NULL), .file = file};
    need(reader.parser);
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader.parser, on_text);
    bool last = false;
    while (!last) {
        enum { PIECE = 1 << 16 };
        void *piece = need(XML_GetBuffer(reader.parser, PIECE));
        size_t got = fread(piece, 1, PIECE, stream);
        if (ferror(stream)) {
            perror(file);
            exit(BAD_INPUT);
        }
        last = got < PIECE;
        if (XML_ParseBuffer(reader.parser, (int)got, last) == XML_STATUS_ERROR)
            fail("%s:%lu:%lu: %s", file, (unsigned long)XML_GetCurrentLineNumber64(reader.parser),
                 (unsigned long)XML_GetCurrentColumnNumber64(reader.parser) + 1,
                 XML_ErrorString(XML_GetErrorCode(reader.parser)));
    }
    XML_ParserFree(reader.parser);
    free(reader.text);
    if (stream != stdin)
        fclose(stream);
    return reader.root;
}

static void free_tree(struct element *element)
{
    for (size_t i = 0; i < element->child_count; i++)
        free_tree(element->children[i]);
    for (size_t i = 0; i < element->attribute_count; i++) {
        name_free(element->attributes[i].key);
        name_free(element->attributes[i].value);
    }
    name_free(element->tag);
    if (element->text != NULL)
        name_free(element->text);
    free(element->attributes);
    free(element->children);
    free(element);
}

/* ---- What is in it ---- */

static name attribute_of(const struct element *element, name key)
{
    for (size_t i = 0; i < element->attribute_count; i++)
        if (name_same(element->attributes[i].key, key))
            return element->attributes[i].value;
    return NULL;
}

static void print_attribute(const char *before, const char *file, const struct element *element, name key)
{
    name value = attribute_of(element, key);
    if (value == NULL)
        fail("%s:%lu: <%s> without %s", file, element->line, name_text(element->tag), name_text(key));
    printf("%s%s", before, name_text(value));
}

static void print_type(const char *file, const struct element *type)
{
    print_attribute("", file, type, type_key);
    for (size_t i = 0; i < type->child_count; i++) {
        const struct element *child = type->children[i];
        switch (name_index(&known_tags, child->tag)) {
        case COMMENT:       /* those in other languages have an attribute that says so */
            if (child->text != NULL && attribute_of(child, language_key) == NULL)
                printf(" (%s)", name_text(child->text));
            break;
        case GLOB:
            print_attribute(" ", file, child, pattern_key);
            break;
        case SUB_CLASS_OF:
            print_attribute(" is a ", file, child, type_key);
            break;
        case ALIAS:
            print_attribute(" or ", file, child, type_key);
            break;
        default:            /* magic numbers, icons and what is yet to come */
            break;
        }
    }
    putchar('\n');
}

static void print_types(const char *file, const struct element *element)
{
    if (name_index(&known_tags, element->tag) == MIME_TYPE) {
        print_type(file, element);
        return;
    }
    for (size_t i = 0; i < element->child_count; i++)
        print_types(file, element->children[i]);
}

static void print_tree(const struct element *element, int depth)
{
    printf("%*s%s", depth * 2, "", name_text(element->tag));
    for (size_t i = 0; i < element->attribute_count; i++)
        printf(" %s=%s", name_text(element->attributes[i].key), name_text(element->attributes[i].value));
    if (element->text != NULL)
        printf(": %s", name_text(element->text));
    putchar('\n');
    for (size_t i = 0; i < element->child_count; i++)
        print_tree(element->children[i], depth + 1);
}

int main(int count, char **arguments)
{
    static const char usage[] = "Usage: xml_reader [--tree] [FILE...]\n";
    if (count > 1 && strcmp(arguments[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    bool tree = count > 1 && strcmp(arguments[1], "--tree") == 0;
    if (!tree && count > 1 && strncmp(arguments[1], "--", 2) == 0) {
        fputs(usage, stderr);
        return BAD_USAGE;
    }
    type_key = name_of_string("type");
    pattern_key = name_of_string("pattern");
    language_key = name_of_string("xml:lang");
    for (int i = 1 + tree; i < count || i == 1 + tree; i++) {
        const char *file = i < count ? arguments[i] : "-";
        struct element *root = read_xml(file);
        if (tree)
            print_tree(root, 0);
        else
            print_types(file, root);
        free_tree(root);
    }
    return fflush(stdout) == 0 ? 0 : BAD_INPUT;
}
