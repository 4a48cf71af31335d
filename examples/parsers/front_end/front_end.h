/* SPDX-License-Identifier: MIT */
/* The front end of a compiler for a small language. tokens.c: from text to tokens; types.c: types, of which equal ones
 * are one pointer; check.c: the grammar, what names mean, whether types fit, and code for a stack machine; main.c: the
 * program. */
#ifndef EXAMPLES_FRONT_END_H
#define EXAMPLES_FRONT_END_H

#include "../name.h"

/* ---- tokens.c ---- */

enum token {
    /* Key words come first; their names stand in tokens.c in the same order. */
    TYPE, VAR, FUN, RETURN, IF, ELSE, WHILE, TRUE, FALSE, KEYWORDS,
    WORD, NUMBER, TEXT, EQUAL, UNEQUAL, LESS_OR_EQUAL, GREATER_OR_EQUAL, BOTH, EITHER,
    /* Any other sign stands for itself: its character. */
    END = 256
};

extern int token;               /* an enum token, or a character */
extern name token_name;         /* of a WORD or TEXT */
extern long long token_number;
extern unsigned long token_line;

void tokens_of(const char *file, const char *text, size_t size);
void next_token(void);
bool take(int wanted);
void expect(int wanted, const char *what);
name expect_word(const char *what);

/* Ends the program with the place of the token and what is wrong there. */
void refuse(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* ---- types.c ---- */

enum kind { NONE, INT, BOOL, STRING, ARRAY, RECORD, FUNCTION, MEMBER };

/* A type is a handle of its own kind: equal types are one pointer, however deep. */
typedef const struct type_canonical *type_of_value;

struct type {
    enum kind kind;
    name label;                 /* of a member */
    type_of_value of;           /* of elements; the first member; the result; the type of a member */
    type_of_value next;         /* the parameters of a function; the next member */
};

type_of_value type_simple(enum kind kind);
type_of_value type_array(type_of_value elements);
type_of_value type_record(type_of_value members);
type_of_value type_function(type_of_value parameters, type_of_value result);
type_of_value type_member(name label, type_of_value type, type_of_value next);
const struct type *type_parts(type_of_value type);
bool type_same(type_of_value a, type_of_value b);
/* As in the language; valid until the fourth call from now. */
const char *type_text(type_of_value type);
/* How often one of the functions above was called to make a type, and how many there are now. */
void type_counts(size_t *made, size_t *kept);

/* ---- check.c ---- */

/* Checks the tokens to their end, and writes code; NULL: nowhere. */
void check_program(FILE *code);

#endif
