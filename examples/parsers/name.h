/* SPDX-License-Identifier: MIT */
/* What the parsers do with names: what interning changes in a program stands in this header.
 *
 * A name is a handle: made from the bytes that the parser has just read, compared with ==, never freed. With -DPLAIN a
 * name is a copy of its own for each occurrence, compared byte by byte and freed by hand, as in a program without
 * interning. So each parser can be compiled in both ways and measured: examples/parsers/measure. */
#ifndef EXAMPLES_NAME_H
#define EXAMPLES_NAME_H

#include <hapax.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Names known when the program is written. */
struct known_names {
    const char *const *texts;
    size_t count;
    hapax_symbols *symbols;         /* NULL before the first question */
};

/* Exit statuses. */
enum { BAD_INPUT = 1, BAD_USAGE = 2 };

/* Ends the program with a line on standard error. */
__attribute__((format(printf, 1, 0), noreturn, unused)) static void vfail(const char *format, va_list arguments)
{
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(BAD_INPUT);
}

__attribute__((format(printf, 1, 2), noreturn, unused)) static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfail(format, arguments);
}

__attribute__((unused)) static void *need(void *memory)
{
    if (memory == NULL)
        fail("out of memory");
    return memory;
}

#ifndef PLAIN

typedef hapax_handle name;

static inline name name_in(hapax_table *table, const char *text, size_t size)
{
    name made = hapax_make_handle(table, text, size);
    if (made == NULL)
        fail("out of memory");
    return made;
}

static inline const char *name_text(name one) { return hapax_string(one); }
static inline bool name_same(name a, name b) { return a == b; }
static inline size_t name_hash(name one) { return (size_t)((uintptr_t)one * UINT64_C(0x9e3779b97f4a7c15) >> 20); }
static inline void name_free(name one) { (void)one; }

/* The index of the name among those, for a switch; or -1. */
static inline int name_index(struct known_names *known, name one)
{
    if (known->symbols == NULL)
        known->symbols = need(hapax_symbols_new(hapax_strings(), known->texts, known->count));
    return hapax_symbols_index(known->symbols, one);
}

#else

typedef char *name;

static inline name name_in(hapax_table *table, const char *text, size_t size)
{
    (void)table;
    return need(strndup(text, size));
}

static inline const char *name_text(name one) { return one; }
static inline bool name_same(name a, name b) { return strcmp(a, b) == 0; }
static inline void name_free(name one) { free(one); }

static inline int name_index(struct known_names *known, name one)
{
    for (size_t i = 0; i < known->count; i++)
        if (strcmp(one, known->texts[i]) == 0)
            return (int)i;
    return -1;
}

static inline size_t name_hash(name one)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (const char *c = one; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    return (size_t)(hash ^ hash >> 32);
}

#endif

static inline name name_of(const char *text, size_t size)
{
    return name_in(hapax_strings(), text, size);
}

__attribute__((unused)) static FILE *open_file(const char *file)
{
    FILE *stream = fopen(file, "r");
    if (stream == NULL) {
        perror(file);
        exit(BAD_INPUT);
    }
    return stream;
}

/* An array of so many elements with room for one more; the room is always a power of two. */
__attribute__((unused)) static void *one_more(void *array, size_t number, size_t size)
{
    return number & (number - 1) ? array : need(realloc(array, (number ? number * 2 : 1) * size));
}

/* All of a stream, with a NUL behind it; the caller frees it. */
__attribute__((unused)) static char *read_stream(FILE *stream, const char *file, size_t *size)
{
    size_t room = 1 << 16;
    char *text = need(malloc(room));
    *size = 0;
    for (size_t got; (got = fread(text + *size, 1, room - *size - 1, stream)) > 0;) {
        *size += got;
        if (*size == room - 1)
            text = need(realloc(text, room *= 2));
    }
    if (ferror(stream)) {
        perror(file);
        exit(BAD_INPUT);
    }
    text[*size] = '\0';
    return text;
}

/* All of a file; "-" is the standard input. */
__attribute__((unused)) static char *read_file(const char *file, size_t *size)
{
    if (strcmp(file, "-") == 0)
        return read_stream(stdin, "standard input", size);
    FILE *stream = open_file(file);
    char *text = read_stream(stream, file, size);
    fclose(stream);
    return text;
}

#endif
