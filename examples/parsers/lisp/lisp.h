/* SPDX-License-Identifier: MIT */
/* A small Lisp whose symbols are handles. values.c: what there is; read.c: from text to values; evaluate.c: what they
 * mean; main.c: the built-in functions and the program. */
#ifndef EXAMPLES_LISP_H
#define EXAMPLES_LISP_H

#include "../name.h"

enum type { NIL, INTEGER, STRING, SYMBOL, PAIR, CLOSURE, BUILT_IN };

/* Pairs, closures and scopes are collected memory, and a local variable of the C program keeps them alive as any other
   reference does. */
struct value {
    enum type type;
    union {
        long long integer;
        name text;                  /* of a string, or the symbol */
        struct pair *pair;
        struct closure *closure;
        const struct function *function;
    };
};

struct pair {
    struct value first, rest;
};

struct closure {
    struct value parameters, body;
    struct scope *scope;
};

struct scope {
    name symbol;
    struct value value;
    struct scope *outer;
};

struct function {
    const char *name;
    size_t least, most;             /* arguments */
    struct value (*call)(const struct value *arguments, size_t count);
};

enum { MOST_ARGUMENTS = 16, DEEPEST = 5000 };

/* Says what is wrong in the form that is read or evaluated; ends the program, or what an interactive session has
 * begun. */
void error(const char *what, const char *about) __attribute__((noreturn));

/* ---- values.c ---- */

extern const struct value nil;
struct value integer(long long number);
struct value symbol(const char *text);
struct value truth(bool is);
struct value cons(struct value first, struct value rest);
/* Of what is no pair: nil. */
struct value first(struct value list);
struct value rest(struct value list);
bool eq(struct value a, struct value b);
void print(struct value value, FILE *to);

/* NULL if the symbol has no value. */
struct value *variable(name symbol, struct scope *scope);
void set_global(name symbol, struct value value);

/* A symbol that has a value or properties is kept, for its name may be read again. What is put on a pair or a closure
 * stands
   in a weak map, and goes with it. */
void put(struct value object, struct value key, struct value value);
struct value get(struct value object, struct value key);

/* ---- read.c ---- */

void read_from(const char *text, size_t size);
/* False at the end of the text. The line is where the value begins. */
bool read_next(struct value *value, unsigned long *line);

/* ---- evaluate.c ---- */

struct value evaluate(struct value expression, struct scope *scope);
void evaluate_from_scratch(void);   /* after an error */

#endif
