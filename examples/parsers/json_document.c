/* SPDX-License-Identifier: MIT */
/* A JSON document: a tree in ordinary memory whose keys and strings are kept once.
 *
 *     json_document [FILE [POINTER]]
 *     json_document --stats [FILE]
 *
 * Reads one JSON text (RFC 8259), and prints the value that the JSON pointer (RFC 6901: "/users/3/name") leads to, or
 * the whole document. With --stats it counts instead. Equal strings are one handle, so looking up a member compares
 * pointers. A text that is no JSON is refused with file, line and column. */
#include "name.h"

#include <math.h>

enum { DEEPEST = 1000 };

enum kind { NOTHING, FALSE, TRUE, NUMBER, STRING, ARRAY, OBJECT };

struct value {
    enum kind kind;
    size_t size;                    /* elements or members */
    union {
        double number;
        name string;
        struct value *elements;
        struct member *members;     /* in the order of the text; of equal keys the last counts */
    };
};

struct member {
    name key;
    struct value value;
};

/* ---- Reading ---- */

struct reader {
    const char *file, *text, *at, *end;
    char *scratch;                  /* a string without its escapes */
    size_t room;
};

static _Noreturn void refuse(const struct reader *reader, const char *what)
{
    size_t line = 1;
    const char *start = reader->text;
    for (const char *c = reader->text; c < reader->at; c++)
        if (*c == '\n') {
            line++;
            start = c + 1;
        }
    fail("%s:%zu:%zu: %s", reader->file, line, (size_t)(reader->at - start) + 1, what);
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL && *reader->at != '\0')
        reader->at++;
}

static bool take(struct reader *reader, char sign)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != sign)
        return false;
    reader->at++;
    return true;
}

static unsigned read_hex(struct reader *reader)
{
    unsigned code = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
        static const char digits[] = "0123456789abcdefABCDEF";
        const char *digit = reader->at < reader->end && *reader->at != '\0' ? strchr(digits, *reader->at) : NULL;
        if (digit == NULL)
            refuse(reader, "expected four hexadecimal digits after \\u");
        unsigned value = (unsigned)(digit - digits);
        code = code * 16 + (value < 16 ? value : value - 6);
    }
    return code;
}

static char *put_utf8(char *to, unsigned code)
{
    if (code < 0x80) {
        *to++ = (char)code;
        return to;
    }
    unsigned more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    *to++ = (char)(lead[more] | code >> 6 * more);
    while (more-- > 0)
        *to++ = (char)(0x80 | (code >> 6 * more & 0x3f));
    return to;
}

static char *read_escape(struct reader *reader, char *to)
{
    static const char signs[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *sign = reader->at < reader->end && *reader->at != '\0' ? strchr(signs, *reader->at) : NULL;
    if (sign != NULL) {
        reader->at++;
        *to = meanings[sign - signs];
        return to + 1;
    }
    if (reader->at == reader->end || *reader->at != 'u')
        refuse(reader, "unknown escape");
    reader->at++;
    unsigned code = read_hex(reader);
    if (code >= 0xd800 && code < 0xdc00 && reader->end - reader->at >= 2 && memcmp(reader->at, "\\u", 2) == 0) {
        reader->at += 2;
        unsigned low = read_hex(reader);
        if (low < 0xdc00 || low > 0xdfff)
            refuse(reader, "half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    if (code >= 0xd800 && code < 0xe000)
        refuse(reader, "half of a surrogate pair");
    if (code == 0)
        refuse(reader, "a NUL in a string: this program cannot store it");
    return put_utf8(to, code);
}

static name read_string(struct reader *reader)
{
    const char *start = reader->at, *c = start;
    while (c < reader->end && *c != '"' && *c != '\\' && (unsigned char)*c >= 0x20)
        c++;
    if (c < reader->end && *c == '"') {     /* nearly all: interned from where it stands */
        reader->at = c + 1;
        return name_of(start, (size_t)(c - start));
    }
    char *to = reader->scratch;
    for (;;) {
        if (reader->at == reader->end)
            refuse(reader, "a string without end");
        if ((unsigned char)*reader->at < 0x20)
            refuse(reader, "a control character in a string");
        if ((size_t)(to - reader->scratch) + 8 > reader->room) {
            size_t used = (size_t)(to - reader->scratch);
            reader->scratch = need(realloc(reader->scratch, reader->room = reader->room * 2 + 64));
            to = reader->scratch + used;
        }
        char sign = *reader->at++;
        if (sign == '"')
            return name_of(reader->scratch, (size_t)(to - reader->scratch));
        if (sign == '\\')
            to = read_escape(reader, to);
        else
            *to++ = sign;
    }
}

static size_t digits(struct reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return (size_t)(reader->at - start);
}

static double read_number(struct reader *reader)
{
    const char *start = reader->at;
    if (*reader->at == '-')
        reader->at++;
    const char *first = reader->at;
    size_t whole = digits(reader);
    if (whole == 0 || (whole > 1 && *first == '0'))
        refuse(reader, "expected a value");
    if (reader->at < reader->end && *reader->at == '.') {
        reader->at++;
        if (digits(reader) == 0)
            refuse(reader, "expected a digit after the point");
    }
    if (reader->at < reader->end && (*reader->at == 'e' || *reader->at == 'E')) {
        reader->at++;
        if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
            reader->at++;
        if (digits(reader) == 0)
            refuse(reader, "expected a digit in the exponent");
    }
    return strtod(start, NULL);     /* the text ends with NUL */
}

static struct value read_value(struct reader *reader, unsigned depth);

static struct value read_array(struct reader *reader, unsigned depth)
{
    struct value array = {.kind = ARRAY};
    if (take(reader, ']'))
        return array;
    do {
        array.elements = one_more(array.elements, array.size, sizeof *array.elements);
        array.elements[array.size] = read_value(reader, depth);
        array.size++;
    } while (take(reader, ','));
    if (!take(reader, ']'))
        refuse(reader, "expected a comma or ]");
    return array;
}

static struct value read_object(struct reader *reader, unsigned depth)
{
    struct value object = {.kind = OBJECT};
    if (take(reader, '}'))
        return object;
    do {
        object.members = one_more(object.members, object.size, sizeof *object.members);
        if (!take(reader, '"'))
            refuse(reader, "expected a key");
        struct member *member = &object.members[object.size];
        member->key = read_string(reader);
        if (!take(reader, ':'))
            refuse(reader, "expected a colon after the key");
        member->value = read_value(reader, depth);
        object.size++;
    } while (take(reader, ','));
    if (!take(reader, '}'))
        refuse(reader, "expected a comma or }");
    return object;
}

static struct value read_value(struct reader *reader, unsigned depth)
{
    static const struct { const char *word; size_t size; enum kind kind; } words[] = {
        {"null", 4, NOTHING}, {"false", 5, FALSE}, {"true", 4, TRUE}};
    if (depth == DEEPEST)
        refuse(reader, "arrays and objects are nested too deeply");
    skip_blanks(reader);
    if (reader->at == reader->end)
        refuse(reader, "the text ends before a value");
    if (take(reader, '"'))
        return (struct value){.kind = STRING, .string = read_string(reader)};
    if (take(reader, '['))
        return read_array(reader, depth + 1);
    if (take(reader, '{'))
        return read_object(reader, depth + 1);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if ((size_t)(reader->end - reader->at) >= words[i].size &&
            memcmp(reader->at, words[i].word, words[i].size) == 0) {
            reader->at += words[i].size;
            return (struct value){.kind = words[i].kind};
        }
    return (struct value){.kind = NUMBER, .number = read_number(reader)};
}

static struct value read_document(const char *file)
{
    size_t size;
    char *text = read_file(file, &size);
    struct reader reader = {.file = file, .text = text, .at = text, .end = text + size};
    if (size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        reader.at += 3;
    struct value document = read_value(&reader, 0);
    skip_blanks(&reader);
    if (reader.at < reader.end)
        refuse(&reader, "there is text after the document");
    free(reader.scratch);
    free(text);
    return document;
}

static void free_value(struct value *value)
{
    if (value->kind == STRING)
        name_free(value->string);
    for (size_t i = 0; value->kind == ARRAY && i < value->size; i++)
        free_value(&value->elements[i]);
    for (size_t i = 0; value->kind == OBJECT && i < value->size; i++) {
        name_free(value->members[i].key);
        free_value(&value->members[i].value);
    }
    if (value->kind == ARRAY)
        free(value->elements);
    if (value->kind == OBJECT)
        free(value->members);
}

/* ---- Looking up ---- */

static const struct value *member_of(const struct value *object, name key)
{
    for (size_t i = object->size; i-- > 0;)
        if (name_same(object->members[i].key, key))     /* one comparison of pointers */
            return &object->members[i].value;
    return NULL;
}

/* One step of a pointer, where ~1 stands for / and ~0 for ~. */
static const struct value *step(const struct value *value, const char *text, size_t size)
{
    if (value->kind == ARRAY) {
        char *end;
        unsigned long index = strtoul(text, &end, 10);
        bool is_index = size > 0 && *text >= '0' && *text <= '9' && end == text + size && (*text != '0' || size == 1);
        return is_index && index < value->size ? &value->elements[index] : NULL;
    }
    if (value->kind != OBJECT)
        return NULL;
    char *plain = need(malloc(size + 1));
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        bool escaped = text[i] == '~' && i + 1 < size && (text[i + 1] == '0' || text[i + 1] == '1');
        plain[used++] = !escaped ? text[i] : text[++i] == '1' ? '/' : '~';
    }
    name key = name_of(plain, used);
    free(plain);
    const struct value *found = member_of(value, key);
    name_free(key);
    return found;
}

static const struct value *look_up(const struct value *document, const char *pointer)
{
    const struct value *value = document;
    for (const char *at = pointer; *at == '/' && value != NULL;) {
        size_t size = strcspn(++at, "/");
        value = step(value, at, size);
        at += size;
    }
    return value;
}

/* ---- Printing ---- */

static void print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", (unsigned)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_value(const struct value *value, int indent)
{
    static const char *const words[] = {"null", "false", "true"};
    switch (value->kind) {
    case NOTHING:
    case FALSE:
    case TRUE:
        fputs(words[value->kind], stdout);
        return;
    case NUMBER:
        printf(isinf(value->number) ? "1e999" : "%.17g", value->number);
        return;
    case STRING:
        print_string(name_text(value->string));
        return;
    case ARRAY:
    case OBJECT:
        break;
    }
    bool object = value->kind == OBJECT;
    putchar(object ? '{' : '[');
    for (size_t i = 0; i < value->size; i++) {
        printf("%s\n%*s", i > 0 ? "," : "", indent + 2, "");
        if (object) {
            print_string(name_text(value->members[i].key));
            fputs(": ", stdout);
        }
        print_value(object ? &value->members[i].value : &value->elements[i], indent + 2);
    }
    if (value->size > 0)
        printf("\n%*s", indent, "");
    putchar(object ? '}' : ']');
}

struct numbers {
    size_t values, members, strings, bytes;
};

static void count_values(const struct value *value, struct numbers *numbers)
{
    numbers->values++;
    if (value->kind == STRING) {
        numbers->strings++;
        numbers->bytes += strlen(name_text(value->string));
    }
    for (size_t i = 0; value->kind == ARRAY && i < value->size; i++)
        count_values(&value->elements[i], numbers);
    for (size_t i = 0; value->kind == OBJECT && i < value->size; i++) {
        numbers->members++;
        numbers->bytes += strlen(name_text(value->members[i].key));
        count_values(&value->members[i].value, numbers);
    }
}

int main(int count, char **arguments)
{
    static const char usage[] = "Usage: json_document [FILE [POINTER]]\n       json_document --stats [FILE]\n";
    if (count == 2 && strcmp(arguments[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    bool stats = count > 1 && strcmp(arguments[1], "--stats") == 0;
    if (count > 3 || (!stats && count > 1 && strncmp(arguments[1], "--", 2) == 0)) {
        fputs(usage, stderr);
        return BAD_USAGE;
    }
    const char *file = count > 1 + stats ? arguments[1 + stats] : "-",
               *pointer = !stats && count > 2 ? arguments[2] : "";
    if (*pointer != '\0' && *pointer != '/')
        fail("json_document: %s: a pointer begins with /", pointer);
    struct value document = read_document(file);
    if (stats) {
        struct numbers numbers = {0};
        count_values(&document, &numbers);
        printf("%zu values, %zu members, %zu strings, %zu bytes of text\n", numbers.values, numbers.members,
               numbers.strings, numbers.bytes);
    } else {
        const struct value *value = look_up(&document, pointer);
        if (value == NULL)
            fail("%s: nothing is at %s", file, pointer);
        print_value(value, 0);
        putchar('\n');
    }
    free_value(&document);
    return fflush(stdout) == 0 ? 0 : BAD_INPUT;
}
