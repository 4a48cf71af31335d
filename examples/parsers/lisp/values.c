/* SPDX-License-Identifier: MIT */
#include "lisp.h"

#include <errno.h>

/* ---- Values ---- */

const struct value nil = {.type = NIL};

struct value integer(long long number) { return (struct value){.type = INTEGER, .integer = number}; }
struct value symbol(const char *text) { return (struct value){.type = SYMBOL, .text = name_of(text, strlen(text))}; }
struct value truth(bool is) { return is ? symbol("t") : nil; }

struct value cons(struct value first, struct value rest)
{
    struct pair *pair = need(hapax_alloc(sizeof *pair));
    *pair = (struct pair){first, rest};
    return (struct value){.type = PAIR, .pair = pair};
}

struct value first(struct value list) { return list.type == PAIR ? list.pair->first : nil; }
struct value rest(struct value list) { return list.type == PAIR ? list.pair->rest : nil; }

bool eq(struct value a, struct value b)
{
    if (a.type != b.type)
        return false;
    switch (a.type) {
    case NIL: return true;
    case INTEGER: return a.integer == b.integer;
    case STRING:
    case SYMBOL: return name_same(a.text, b.text);
    default: return a.pair == b.pair;
    }
}

static void print_nested(struct value value, FILE *to, unsigned level)
{
    switch (value.type) {
    case NIL: fputs("nil", to); return;
    case INTEGER: fprintf(to, "%lld", value.integer); return;
    case STRING: fprintf(to, "\"%s\"", name_text(value.text)); return;
    case SYMBOL: fputs(name_text(value.text), to); return;
    case CLOSURE: fputs("<closure>", to); return;
    case BUILT_IN: fprintf(to, "<%s>", value.function->name); return;
    case PAIR: break;
    }
    if (level == DEEPEST) {
        fputs("...", to);
        return;
    }
    const char *before = "(";
    for (; value.type == PAIR; value = value.pair->rest, before = " ") {
        fputs(before, to);
        print_nested(value.pair->first, to, level + 1);
    }
    if (value.type != NIL) {
        fputs(" . ", to);
        print_nested(value, to, level + 1);
    }
    fputc(')', to);
}

void print(struct value value, FILE *to)
{
    print_nested(value, to, 0);
}

/* ---- What symbols mean: a table in ordinary memory ---- */

struct binding {
    name symbol;
    bool bound;
    struct value value, properties;
};

static struct binding *bindings;
static size_t room, used;

static struct binding *slot_of(struct binding *slots, size_t number, name symbol)
{
    size_t i = name_hash(symbol) & (number - 1);
    while (slots[i].symbol != NULL && !name_same(slots[i].symbol, symbol))
        i = (i + 1) & (number - 1);
    return &slots[i];
}

static struct binding *binding_of(name symbol)
{
    if (used * 2 >= room) {
        size_t more = room == 0 ? 256 : room * 2;
        struct binding *larger = need(calloc(more, sizeof *larger));
        for (size_t i = 0; i < room; i++)
            if (bindings[i].symbol != NULL)
                *slot_of(larger, more, bindings[i].symbol) = bindings[i];
        free(bindings);
        bindings = larger;
        room = more;
    }
    struct binding *found = slot_of(bindings, room, symbol);
    if (found->symbol == NULL) {
        found->symbol = symbol;
        used++;
    }
    return found;
}

struct value *variable(name symbol, struct scope *scope)
{
    for (; scope != NULL; scope = scope->outer)
        if (name_same(scope->symbol, symbol))
            return &scope->value;
    struct binding *global = bindings != NULL ? slot_of(bindings, room, symbol) : NULL;
    return global != NULL && global->symbol != NULL && global->bound ? &global->value : NULL;
}

void set_global(name symbol, struct value value)
{
    struct binding *global = binding_of(symbol);
    global->value = value;
    global->bound = true;
}

/* ---- Properties ---- */

static hapax_weak_map *properties;      /* of pairs and closures: an address, and its list */

static struct value properties_of(struct value object)
{
    if (object.type == SYMBOL)
        return binding_of(object.text)->properties;
    if (object.type != PAIR && object.type != CLOSURE)
        error("only symbols, pairs and closures have properties", "");
    struct pair *list = properties == NULL ? NULL : hapax_weak_map_get(properties, object.pair);
    return list == NULL ? nil : (struct value){.type = PAIR, .pair = list};
}

static struct pair *property(struct value object, struct value key)
{
    for (struct value list = properties_of(object); list.type == PAIR; list = rest(list))
        if (eq(first(first(list)), key))
            return first(list).pair;
    return NULL;
}

void put(struct value object, struct value key, struct value value)
{
    struct pair *there = property(object, key);
    if (there != NULL) {
        there->rest = value;
        return;
    }
    struct value list = cons(cons(key, value), properties_of(object));
    if (object.type == SYMBOL) {
        binding_of(object.text)->properties = list;
        return;
    }
    if (properties == NULL)
        properties = need(hapax_weak_map_new());
    if (hapax_weak_map_set(properties, object.pair, list.pair) != 0)
        error("cannot store the property", strerror(errno));
}

struct value get(struct value object, struct value key)
{
    const struct pair *there = property(object, key);
    return there == NULL ? nil : there->rest;
}
