/* SPDX-License-Identifier: MIT */
#include "lisp.h"

#include <ctype.h>
#include <errno.h>

static const char *at, *end;
static unsigned long line;

static void refuse(const char *what) __attribute__((noreturn));
static void refuse(const char *what)
{
    char place[40];
    snprintf(place, sizeof place, "line %lu", line);
    at = end;
    error(what, place);
}

static int next_sign(void)
{
    for (; at < end; at++) {
        if (*at == ';')
            while (at + 1 < end && at[1] != '\n')
                at++;
        else if (*at == '\n')
            line++;
        else if (!isspace((unsigned char)*at))
            return (unsigned char)*at;
    }
    return EOF;
}

static struct value read_value(unsigned level);

static struct value read_list(unsigned level)
{
    at++;
    struct value list = nil, *tail = &list;
    for (int sign; (sign = next_sign()) != ')';) {
        if (sign == EOF)
            refuse("a list without end");
        if (sign == '.' && at + 1 < end && isspace((unsigned char)at[1]) && list.type == PAIR) {
            at++;
            *tail = read_value(level);
            if (next_sign() != ')')
                refuse("expected )");
            break;
        }
        *tail = cons(read_value(level), nil);
        tail = &tail->pair->rest;
    }
    at++;
    return list;
}

static struct value read_word(void)
{
    const char *start = at;
    while (at < end && !isspace((unsigned char)*at) && strchr("();'\"", *at) == NULL)
        at++;
    size_t size = (size_t)(at - start);
    if (size == 0)
        refuse("a character that nothing begins with");
    if (size == 3 && memcmp(start, "nil", 3) == 0)
        return nil;
    char *stop;
    errno = 0;
    long long number = strtoll(start, &stop, 10);
    if (stop != at)
        return (struct value){.type = SYMBOL, .text = name_of(start, size)};
    if (errno != 0)
        refuse("a number that is too large");
    return integer(number);
}

static struct value read_value(unsigned level)
{
    if (level == DEEPEST)
        refuse("lists are nested too deeply");
    switch (next_sign()) {
    case EOF:
        refuse("the text ends before a value");
    case '(':
        return read_list(level + 1);
    case ')':
        refuse(") closes nothing");
    case '\'':
        at++;
        return cons(symbol("quote"), cons(read_value(level + 1), nil));
    case '"': {
        const char *start = ++at;
        while (at < end && *at != '"')
            line += *at++ == '\n';
        if (at == end)
            refuse("a string without end");
        return (struct value){.type = STRING, .text = name_of(start, (size_t)(at++ - start))};
    }
    default:
        return read_word();
    }
}

void read_from(const char *text, size_t size)
{
    at = text;
    end = text + size;
    line = 1;
}

bool read_next(struct value *value, unsigned long *where)
{
    bool more = next_sign() != EOF;
    *where = line;
    if (more)
        *value = read_value(0);
    return more;
}
