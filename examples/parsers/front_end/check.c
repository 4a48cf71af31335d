/* SPDX-License-Identifier: MIT */
/* One pass: each construct is read, checked, and written as code at once. */
#include "front_end.h"

enum { DEEPEST = 500 };

static FILE *code;
static unsigned labels, depth;
static type_of_value none, integer, boolean, string;
static bool is_place;               /* the expression that was read last can be assigned to */

static void emit(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void emit(const char *format, ...)
{
    if (code == NULL)
        return;
    va_list arguments;
    va_start(arguments, format);
    vfprintf(code, format, arguments);
    va_end(arguments);
    fputc('\n', code);
}

/* ---- Scopes: what names mean, the innermost first ---- */

struct meaning {
    name name;
    bool is_type, is_global;
    unsigned level;
    type_of_value type;
    struct meaning *earlier;        /* in scopes, in the order of declarations */
    struct meaning *below;          /* of the same hash */
};

enum { HASHES = 1 << 14 };
static struct meaning *latest, *meanings[HASHES];      /* ordinary memory */
static unsigned level;              /* of the scope; 0: global */

static struct meaning **slot_of(name name)
{
    return &meanings[name_hash(name) % HASHES];
}

static struct meaning *meaning_of(name name)
{
    for (struct meaning *meaning = *slot_of(name); meaning != NULL; meaning = meaning->below)
        if (name_same(meaning->name, name))
            return meaning;
    return NULL;
}

static void enter_scope(void)
{
    level++;
}

static void leave_scope(void)
{
    while (latest != NULL && latest->level == level) {
        struct meaning *gone = latest;
        latest = gone->earlier;
        *slot_of(gone->name) = gone->below;
        free(gone);
    }
    level--;
}

static struct meaning *declare(name name, bool is_type, type_of_value type)
{
    const struct meaning *there = meaning_of(name);
    if (there != NULL && there->level == level)
        refuse("%s is declared twice", name_text(name));
    struct meaning **slot = slot_of(name), *meaning = need(malloc(sizeof *meaning));
    *meaning = (struct meaning){name, is_type, level == 0, level, type, latest, *slot};
    return latest = *slot = meaning;
}

/* ---- Types ---- */

static type_of_value read_type(void);

static void deeper(void)
{
    if (++depth > DEEPEST)
        refuse("it is nested too deeply");
}

/* Members to the closing sign, which is read too; labelled ones are those of records. read_part reads one's type, or
 * one's value. */
static type_of_value read_members(int close, bool labelled, type_of_value (*read_part)(void))
{
    if (take(close))
        return NULL;
    name label = NULL;
    if (labelled) {
        label = expect_word("the name of a member");
        expect(':', "a colon");
    }
    type_of_value type = read_part();
    if (token != close)
        expect(',', "a comma or the end");
    type_of_value others = read_members(close, labelled, read_part);
    for (type_of_value other = others; labelled && other != NULL; other = type_parts(other)->next)
        if (name_same(type_parts(other)->label, label))
            refuse("two members are called %s", name_text(label));
    return type_member(label, type, others);
}

static size_t count_members(type_of_value member)
{
    size_t count = 0;
    for (; member != NULL; member = type_parts(member)->next)
        count++;
    return count;
}

static type_of_value read_type(void)
{
    type_of_value type;
    deeper();
    if (take('[')) {
        type = type_array(read_type());
        expect(']', "]");
    } else if (take('{')) {
        type = type_record(read_members('}', true, read_type));
    } else if (take(FUN)) {
        expect('(', "(");
        type_of_value parameters = read_members(')', false, read_type);
        type = type_function(parameters, take(':') ? read_type() : none);
    } else {
        name word = expect_word("a type");
        const struct meaning *meaning = meaning_of(word);
        if (meaning == NULL || !meaning->is_type)
            refuse("%s is not a type", name_text(word));
        type = meaning->type;
    }
    depth--;
    return type;
}

static void fits(type_of_value wanted, type_of_value found)
{
    if (!type_same(wanted, found))      /* two pointers */
        refuse("expected %s, found %s", type_text(wanted), type_text(found));
}

/* ---- Expressions ---- */

static type_of_value expression(void);

static type_of_value array_literal(void)
{
    type_of_value values = read_members(']', false, expression);
    if (values == NULL)
        refuse("nobody knows what an empty array is made of");
    type_of_value type = type_parts(values)->of;
    for (type_of_value value = values; value != NULL; value = type_parts(value)->next)
        fits(type, type_parts(value)->of);
    emit("    array %zu", count_members(values));
    return type_array(type);
}

static type_of_value primary(void)
{
    is_place = false;
    if (token == NUMBER) {
        emit("    push %lld", token_number);
        next_token();
        return integer;
    }
    if (token == TEXT) {
        emit("    push \"%s\"", name_text(token_name));
        next_token();
        return string;
    }
    if (token == TRUE || token == FALSE) {
        emit("    push %s", token == TRUE ? "true" : "false");
        next_token();
        return boolean;
    }
    if (take('(')) {
        type_of_value type = expression();
        expect(')', ")");
        return type;
    }
    if (take('['))
        return array_literal();
    if (take('{')) {
        type_of_value members = read_members('}', true, expression);
        emit("    record %zu", count_members(members));
        return type_record(members);
    }
    name word = token_name;
    if (token != WORD)
        refuse("expected a value");
    const struct meaning *meaning = meaning_of(word);
    if (meaning == NULL || meaning->is_type)
        refuse("%s is neither a variable nor a function", name_text(word));
    next_token();
    is_place = true;
    emit("    load %s%s", meaning->is_global ? "global " : "", name_text(word));
    return meaning->type;
}

static type_of_value call(type_of_value function)
{
    const struct type *parts = type_parts(function);
    if (parts->kind != FUNCTION)
        refuse("%s is called, but is not a function", type_text(function));
    type_of_value parameter = parts->next;
    size_t count = 0;
    while (!take(')')) {
        if (parameter == NULL)
            refuse("there are too many arguments for %s", type_text(function));
        fits(type_parts(parameter)->of, expression());
        parameter = type_parts(parameter)->next;
        count++;
        if (token != ')')
            expect(',', "a comma or )");
    }
    if (parameter != NULL)
        refuse("there are too few arguments for %s", type_text(function));
    emit("    call %zu", count);
    return parts->of;
}

static type_of_value member(type_of_value record)
{
    name label = expect_word("the name of a member");
    if (type_parts(record)->kind == RECORD) {
        size_t index = 0;
        for (type_of_value at = type_parts(record)->of; at != NULL; at = type_parts(at)->next, index++)
            if (name_same(type_parts(at)->label, label)) {
                emit("    member %zu", index);
                return type_parts(at)->of;
            }
    }
    refuse("%s has no member %s", type_text(record), name_text(label));
}

static type_of_value postfix(void)
{
    type_of_value type = primary();
    for (;;) {
        if (take('(')) {
            type = call(type);
            is_place = false;
        } else if (take('[')) {
            if (type_parts(type)->kind != ARRAY)
                refuse("%s has no elements", type_text(type));
            fits(integer, expression());
            expect(']', "]");
            emit("    element");
            is_place = true;
            type = type_parts(type)->of;
        } else if (take('.')) {
            type = member(type);
            is_place = true;
        } else {
            return type;
        }
    }
}

static type_of_value unary(void)
{
    type_of_value type;
    deeper();
    if (take('-')) {
        fits(type = integer, unary());
        emit("    negate");
        is_place = false;
    } else if (take('!')) {
        fits(type = boolean, unary());
        emit("    not");
        is_place = false;
    } else {
        type = postfix();
    }
    depth--;
    return type;
}

static const struct operator {
    int token, level;
    const char *code;
} operators[] = {
    {EITHER, 1, "or"}, {BOTH, 2, "and"}, {EQUAL, 3, "equal"}, {UNEQUAL, 3, "unequal"}, {'<', 4, "less"},
    {'>', 4, "greater"}, {LESS_OR_EQUAL, 4, "less or equal"}, {GREATER_OR_EQUAL, 4, "greater or equal"},
    {'+', 5, "add"}, {'-', 5, "subtract"}, {'*', 6, "multiply"}, {'/', 6, "divide"}, {'%', 6, "remainder"}};

static const struct operator *operator_here(int least)
{
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (operators[i].token == token && operators[i].level >= least)
            return &operators[i];
    return NULL;
}

static type_of_value binary(int least)
{
    type_of_value type = unary();
    for (const struct operator *operator; (operator = operator_here(least)) != NULL;) {
        next_token();
        type_of_value other = binary(operator->level + 1);
        if (operator->level == 3)
            fits(type, other);
        else if (operator->token != '+' || !type_same(type, string))    /* + joins strings, too */
            fits(operator->level < 3 ? boolean : integer, type);
        fits(type, other);
        emit("    %s", operator->code);
        is_place = false;
        type = operator->level < 5 ? boolean : type;
    }
    return type;
}

static type_of_value expression(void)
{
    return binary(1);
}

/* ---- Statements ---- */

static type_of_value result;            /* of the function that is checked */

static void block(void);

/* With a label in front of it, where the statement begins. */
static void condition(unsigned label)
{
    fits(boolean, expression());
    emit("    unless L%u", label);
}

static void variable(void)
{
    name name = expect_word("the name of a variable");
    type_of_value type = take(':') ? read_type() : NULL;
    if (take('=')) {
        type_of_value value = expression();
        if (type != NULL)
            fits(type, value);
        else if (type_same(value, none))
            refuse("a variable cannot hold nothing");
        type = value;
    } else if (type == NULL) {
        refuse("expected a type or a value for %s", name_text(name));
    } else {
        emit("    push nothing yet");
    }
    expect(';', "a semicolon");
    emit("    %s %s", level == 0 ? "global" : "local", name_text(name));
    declare(name, false, type);
}

static void statement(void)
{
    if (take(VAR)) {
        variable();
    } else if (take(RETURN)) {
        fits(result, token == ';' ? none : expression());
        expect(';', "a semicolon");
        emit("    return");
    } else if (take(IF)) {
        unsigned otherwise = ++labels, behind = ++labels;
        condition(otherwise);
        block();
        emit("    go L%u\nL%u:", behind, otherwise);
        if (take(ELSE))
            block();
        emit("L%u:", behind);
    } else if (take(WHILE)) {
        unsigned again = ++labels, behind = ++labels;
        emit("L%u:", again);
        condition(behind);
        block();
        emit("    go L%u\nL%u:", again, behind);
    } else if (token == '{') {
        block();
    } else {
        type_of_value type = expression();
        if (token == '=' && !is_place)
            refuse("the left side of = is not a variable");
        if (take('=')) {
            fits(type, expression());
            emit("    store");
        } else {
            emit("    drop");
        }
        expect(';', "a semicolon");
    }
}

static void block(void)
{
    deeper();
    enter_scope();
    expect('{', "{");
    while (!take('}'))
        statement();
    leave_scope();
    depth--;
}

/* Declares them; returns their types, as those of a function. */
static type_of_value parameters(void)
{
    if (take(')'))
        return NULL;
    name name = expect_word("the name of a parameter");
    expect(':', "a colon");
    type_of_value type = read_type();
    declare(name, false, type);
    if (token != ')')
        expect(',', "a comma or )");
    return type_member(NULL, type, parameters());
}

static void function(void)
{
    name name = expect_word("the name of a function");
    struct meaning *itself = declare(name, false, NULL);     /* known inside, too */
    enter_scope();
    expect('(', "(");
    type_of_value taken = parameters();
    result = take(':') ? read_type() : none;
    itself->type = type_function(taken, result);
    emit("%s: %s", name_text(name), type_text(itself->type));
    block();
    emit("    return");
    leave_scope();
}

void check_program(FILE *to)
{
    code = to;
    none = type_simple(NONE);
    declare(name_of("int", 3), true, integer = type_simple(INT));
    declare(name_of("bool", 4), true, boolean = type_simple(BOOL));
    declare(name_of("string", 6), true, string = type_simple(STRING));
    while (token != END) {
        if (take(TYPE)) {
            name name = expect_word("the name of a type");
            expect('=', "=");
            declare(name, true, read_type());
            expect(';', "a semicolon");
        } else if (take(VAR)) {
            variable();
        } else if (take(FUN)) {
            function();
        } else {
            refuse("expected type, var or fun");
        }
    }
    leave_scope();
}
