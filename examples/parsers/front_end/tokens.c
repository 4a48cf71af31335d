/* SPDX-License-Identifier: MIT */
#include "front_end.h"

#include <ctype.h>
#include <errno.h>

int token;
name token_name;
long long token_number;
unsigned long token_line;

static const char *file, *text, *at, *end, *start;
static unsigned long line;

static const char *const keyword_texts[KEYWORDS] = {"type", "var",   "fun",  "return", "if",
                                                    "else", "while", "true", "false"};
static struct known_names keywords = {keyword_texts, KEYWORDS, NULL};

void refuse(const char *format, ...)
{
    const char *first = start;
    while (first > text && first[-1] != '\n')
        first--;
    fflush(stdout);
    fprintf(stderr, "%s:%lu:%lu: ", file, token_line, (unsigned long)(start - first) + 1);
    va_list arguments;
    va_start(arguments, format);
    vfail(format, arguments);
}

static void skip_blanks(void)
{
    for (; at < end; at++) {
        if (*at == '#')
            while (at + 1 < end && at[1] != '\n')
                at++;
        else if (*at == '\n')
            line++;
        else if (!isspace((unsigned char)*at))
            return;
    }
}

static int sign(void)
{
    static const struct { char text[3]; int token; } pairs[] = {
        {"==", EQUAL}, {"!=", UNEQUAL}, {"<=", LESS_OR_EQUAL}, {">=", GREATER_OR_EQUAL}, {"&&", BOTH}, {"||", EITHER}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (end - at >= 2 && memcmp(at, pairs[i].text, 2) == 0) {
            at += 2;
            return pairs[i].token;
        }
    if (!ispunct((unsigned char)*at))
        refuse("a character that nothing begins with");
    return (unsigned char)*at++;
}

void next_token(void)
{
    skip_blanks();
    start = at;
    token_line = line;
    if (at == end) {
        token = END;
    } else if (isalpha((unsigned char)*at) || *at == '_') {
        while (at < end && (isalnum((unsigned char)*at) || *at == '_'))
            at++;
        token_name = name_of(start, (size_t)(at - start));
        int keyword = name_index(&keywords, token_name);
        token = keyword >= 0 ? keyword : WORD;
    } else if (isdigit((unsigned char)*at)) {
        char *behind;
        errno = 0;
        token_number = strtoll(at, &behind, 10);
        if (errno != 0)
            refuse("the number is too large");
        at = behind;
        token = NUMBER;
    } else if (*at == '"') {
        for (at++; at < end && *at != '"' && *at != '\n'; at++)
            ;
        if (at == end || *at == '\n')
            refuse("the string has no end");
        token_name = name_of(start + 1, (size_t)(at++ - start - 1));
        token = TEXT;
    } else {
        token = sign();
    }
}

void tokens_of(const char *name_of_file, const char *all, size_t size)
{
    file = name_of_file;
    text = at = start = all;
    end = all + size;
    line = 1;
    next_token();
}

bool take(int wanted)
{
    if (token != wanted)
        return false;
    next_token();
    return true;
}

void expect(int wanted, const char *what)
{
    if (!take(wanted))
        refuse("expected %s", what);
}

name expect_word(const char *what)
{
    name word = token_name;
    expect(WORD, what);
    return word;
}
