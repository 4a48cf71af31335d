/* SPDX-License-Identifier: MIT */
#include "lisp.h"

enum { QUOTE, IF, DEFINE, SET, LAMBDA, LET, BEGIN, AND, OR, WHILE, FORMS };
static const char *const form_names[FORMS] = {"quote", "if",    "define", "set!", "lambda",
                                              "let",   "begin", "and",    "or",   "while"};

static struct known_names forms = {form_names, FORMS, NULL};

static struct scope *bind(name symbol, struct value value, struct scope *outer)
{
    struct scope *scope = need(hapax_alloc(sizeof *scope));
    *scope = (struct scope){symbol, value, outer};
    return scope;
}

static name name_in_list(struct value list)
{
    if (first(list).type != SYMBOL)
        error("expected a symbol", "");
    return first(list).text;
}

/* All but the last of a list of expressions; returns the last, for a tail call. */
static struct value all_but_last(struct value list, struct scope *scope)
{
    for (; rest(list).type == PAIR; list = rest(list))
        evaluate(first(list), scope);
    return first(list);
}

static void define(struct value form, struct scope *scope)
{
    struct value what = first(form), value;
    if (what.type == PAIR) {            /* (define (name parameters) body) */
        struct closure *closure = need(hapax_alloc(sizeof *closure));
        *closure = (struct closure){rest(what), rest(form), scope};
        value = (struct value){.type = CLOSURE, .closure = closure};
        form = what;
    } else {
        value = evaluate(first(rest(form)), scope);
    }
    set_global(name_in_list(form), value);
}

/* Whether the form is complete; then *value is what it gives. Otherwise *expression, in *scope, is to be evaluated
 * next. */
static bool special(int form, struct value *expression, struct scope **scope, struct value *value)
{
    struct value body = rest(*expression);
    *value = nil;
    switch (form) {
    case QUOTE:
        *value = first(body);
        return true;
    case IF:
        *expression = evaluate(first(body), *scope).type != NIL ? first(rest(body)) : first(rest(rest(body)));
        return false;
    case DEFINE:
        define(body, *scope);
        return true;
    case SET: {
        name symbol = name_in_list(body);
        *value = evaluate(first(rest(body)), *scope);
        struct value *there = variable(symbol, *scope);
        if (there == NULL)
            error("no such variable", name_text(symbol));
        *there = *value;
        return true;
    }
    case LAMBDA: {
        struct closure *closure = need(hapax_alloc(sizeof *closure));
        *closure = (struct closure){first(body), rest(body), *scope};
        *value = (struct value){.type = CLOSURE, .closure = closure};
        return true;
    }
    case LET: {
        struct scope *inner = *scope;
        for (struct value list = first(body); list.type == PAIR; list = rest(list))
            inner = bind(name_in_list(first(list)), evaluate(first(rest(first(list))), *scope), inner);
        *scope = inner;
        *expression = all_but_last(rest(body), inner);
        return false;
    }
    case BEGIN:
        *expression = all_but_last(body, *scope);
        return false;
    case AND:
    case OR:
        *value = truth(form == AND);
        for (; rest(body).type == PAIR; body = rest(body)) {
            *value = evaluate(first(body), *scope);
            if ((value->type == NIL) == (form == AND))
                return true;
        }
        if (body.type == NIL)
            return true;
        *expression = first(body);
        return false;
    default:    /* WHILE */
        while (evaluate(first(body), *scope).type != NIL)
            for (struct value list = rest(body); list.type == PAIR; list = rest(list))
                evaluate(first(list), *scope);
        return true;
    }
}

static struct value evaluate_here(struct value expression, struct scope *scope)
{
    for (;;) {
        if (expression.type == SYMBOL) {
            const struct value *found = variable(expression.text, scope);
            if (found == NULL)
                error("no such variable", name_text(expression.text));
            return *found;
        }
        if (expression.type != PAIR)
            return expression;
        if (first(expression).type == SYMBOL) {
            int form = name_index(&forms, first(expression).text);
            struct value value;
            if (form >= 0) {
                if (special(form, &expression, &scope, &value))
                    return value;
                continue;
            }
        }
        struct value called = evaluate(first(expression), scope), arguments[MOST_ARGUMENTS];
        size_t count = 0;
        for (struct value list = rest(expression); list.type == PAIR; list = rest(list)) {
            if (count == MOST_ARGUMENTS)
                error("too many arguments", "");
            arguments[count++] = evaluate(first(list), scope);
        }
        if (called.type == BUILT_IN) {
            if (count < called.function->least || count > called.function->most)
                error("wrong number of arguments", called.function->name);
            return called.function->call(arguments, count);
        }
        if (called.type != CLOSURE)
            error("not a function", first(expression).type == SYMBOL ? name_text(first(expression).text) : "");
        struct value parameters = called.closure->parameters;
        scope = called.closure->scope;
        for (size_t i = 0; i < count; i++, parameters = rest(parameters))
            scope = bind(name_in_list(parameters), arguments[i], scope);
        if (parameters.type != NIL)
            error("too few arguments", "");
        expression = all_but_last(called.closure->body, scope);
    }
}

static unsigned depth;

struct value evaluate(struct value expression, struct scope *scope)
{
    if (++depth > DEEPEST)
        error("calls are nested too deeply", "");
    struct value value = evaluate_here(expression, scope);
    depth--;
    return value;
}

void evaluate_from_scratch(void)
{
    depth = 0;
}
