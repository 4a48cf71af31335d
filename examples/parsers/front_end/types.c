/* SPDX-License-Identifier: MIT */
/* A type is interned as a value whose parts are types that are interned already (hash-consing). So two types are equal
 * if and only if their handles are, and a type that no program text uses any more is collected with all that only it is
 * made of. */
#include "front_end.h"

static size_t made;

#ifndef PLAIN

HAPAX_DECLARE_HANDLE(type);
HAPAX_DEFINE_HANDLE_HOLDING(type, struct type, kind, label, of, next);

static type_of_value make(struct type parts)
{
    made++;
    type_handle type = type_make(&parts);
    if (type == NULL)
        fail("out of memory");
    return type;
}

const struct type *type_parts(type_of_value type)
{
    return type_value(type);
}

bool type_same(type_of_value a, type_of_value b)
{
    return a == b;
}

void type_counts(size_t *calls, size_t *kept)
{
    struct hapax_table_stats stats;
    hapax_table_stats(type_table(), &stats);
    *calls = made;
    *kept = (size_t)stats.live;
}

#else

struct type_canonical {
    struct type parts;
};

static type_of_value make(struct type parts)
{
    made++;
    struct type_canonical *type = need(malloc(sizeof *type));
    type->parts = parts;
    return type;
}

const struct type *type_parts(type_of_value type)
{
    return &type->parts;
}

bool type_same(type_of_value a, type_of_value b)
{
    if (a == NULL || b == NULL)
        return a == b;
    const struct type *x = &a->parts, *y = &b->parts;
    return x->kind == y->kind && (x->label == NULL) == (y->label == NULL) &&
           (x->label == NULL || name_same(x->label, y->label)) && type_same(x->of, y->of) &&
           type_same(x->next, y->next);
}

void type_counts(size_t *calls, size_t *kept)
{
    *calls = *kept = made;
}

#endif

type_of_value type_simple(enum kind kind)
{
    return make((struct type){.kind = kind});
}

type_of_value type_array(type_of_value elements)
{
    return make((struct type){.kind = ARRAY, .of = elements});
}

type_of_value type_record(type_of_value members)
{
    return make((struct type){.kind = RECORD, .of = members});
}

type_of_value type_function(type_of_value parameters, type_of_value result)
{
    return make((struct type){.kind = FUNCTION, .of = result, .next = parameters});
}

type_of_value type_member(name label, type_of_value type, type_of_value next)
{
    return make((struct type){.kind = MEMBER, .label = label, .of = type, .next = next});
}

/* ---- Their texts ---- */

static void write_type(FILE *to, type_of_value type);

static void write_members(FILE *to, type_of_value member)
{
    for (const char *before = ""; member != NULL; member = type_parts(member)->next, before = ", ") {
        const struct type *parts = type_parts(member);
        fputs(before, to);
        if (parts->label != NULL)
            fprintf(to, "%s: ", name_text(parts->label));
        write_type(to, parts->of);
    }
}

static void write_type(FILE *to, type_of_value type)
{
    const struct type *parts = type_parts(type);
    switch (parts->kind) {
    case NONE: fputs("nothing", to); break;
    case INT: fputs("int", to); break;
    case BOOL: fputs("bool", to); break;
    case STRING: fputs("string", to); break;
    case ARRAY:
        fputc('[', to);
        write_type(to, parts->of);
        fputc(']', to);
        break;
    case RECORD:
        fputc('{', to);
        write_members(to, parts->of);
        fputc('}', to);
        break;
    case FUNCTION:
        fputs("fun(", to);
        write_members(to, parts->next);
        fputs("): ", to);
        write_type(to, parts->of);
        break;
    case MEMBER: break;
    }
}

const char *type_text(type_of_value type)
{
    static char texts[4][400];
    static unsigned next;
    char *text = texts[next++ % 4];
    FILE *to = fmemopen(text, sizeof texts[0], "w");
    need(to);
    write_type(to, type);
    fclose(to);
    text[sizeof texts[0] - 1] = '\0';
    return text;
}
