/* SPDX-License-Identifier: MIT */
/* A small Lisp.
 *
 *     lisp [FILE...]
 *
 * Evaluates files, or the standard input, where each result is printed. There are integers, strings, symbols, pairs,
 * closures and built-in functions; lexical scope; calls in tail position need no stack. tests.lisp tests the language
 * in itself. */
#include "lisp.h"

#include <setjmp.h>
#include <unistd.h>

static const char *file;
static unsigned long line;
static jmp_buf *recovery;           /* where an interactive session goes on */

void error(const char *what, const char *about)
{
    fflush(stdout);
    fprintf(stderr, "%s:%lu: %s%s%s\n", file, line, what, *about != '\0' ? ": " : "", about);
    if (recovery == NULL)
        exit(BAD_INPUT);
    longjmp(*recovery, 1);
}

/* ---- Built-in functions ---- */

static long long number(struct value value)
{
    if (value.type != INTEGER)
        error("expected an integer", "");
    return value.integer;
}

#define ARITHMETIC(called, one, overflows)                                                                            \
    static struct value called(const struct value *arguments, size_t count)                                          \
    {                                                                                                                 \
        long long result = count == 1 ? (one) : number(arguments[0]);                                                 \
        for (size_t i = count == 1 ? 0 : 1; i < count; i++)                                                           \
            if (overflows(result, number(arguments[i]), &result))                                                     \
                error("the result is too large", "");                                                                 \
        return integer(result);                                                                                       \
    }
ARITHMETIC(add, 0, __builtin_add_overflow)
ARITHMETIC(subtract, 0, __builtin_sub_overflow)
ARITHMETIC(multiply, 1, __builtin_mul_overflow)

static struct value divide(const struct value *arguments, size_t count)
{
    (void)count;
    long long a = number(arguments[0]), b = number(arguments[1]);
    if (b == 0 || (b == -1 && __builtin_sub_overflow(0LL, a, &a)))
        error("no such quotient", "");
    return integer(b == -1 ? a : a / b);
}

#define COMPARISON(called, is)                                                                                        \
    static struct value called(const struct value *arguments, size_t count)                                          \
    {                                                                                                                 \
        for (size_t i = 1; i < count; i++)                                                                            \
            if (!(number(arguments[i - 1]) is number(arguments[i])))                                                  \
                return nil;                                                                                           \
        return truth(true);                                                                                           \
    }
COMPARISON(less, <)
COMPARISON(equal_numbers, ==)

#define FUNCTION(called, result)                                                                                      \
    static struct value called(const struct value *arguments, size_t count)                                          \
    {                                                                                                                 \
        (void)count;                                                                                                  \
        (void)arguments;                                                                                              \
        return result;                                                                                                \
    }
FUNCTION(is_eq, truth(eq(arguments[0], arguments[1])))
FUNCTION(pair_of, cons(arguments[0], arguments[1]))
FUNCTION(first_of, first(arguments[0]))
FUNCTION(rest_of, rest(arguments[0]))
FUNCTION(is_nil, truth(arguments[0].type == NIL))
FUNCTION(is_pair, truth(arguments[0].type == PAIR))
FUNCTION(is_symbol, truth(arguments[0].type == SYMBOL))
FUNCTION(is_string, truth(arguments[0].type == STRING))
FUNCTION(is_integer, truth(arguments[0].type == INTEGER))
FUNCTION(get_property, get(arguments[0], arguments[1]))

static struct value list_of(const struct value *arguments, size_t count)
{
    struct value list = nil;
    while (count-- > 0)
        list = cons(arguments[count], list);
    return list;
}

static struct value put_property(const struct value *arguments, size_t count)
{
    (void)count;
    put(arguments[0], arguments[1], arguments[2]);
    return arguments[2];
}

/* The symbol of a string, or the string of a symbol: the same handle. */
static struct value convert(struct value value, enum type from, enum type to)
{
    if (value.type != from)
        error(from == STRING ? "expected a string" : "expected a symbol", "");
    value.type = to;
    return value;
}
FUNCTION(string_to_symbol, convert(arguments[0], STRING, SYMBOL))
FUNCTION(symbol_to_string, convert(arguments[0], SYMBOL, STRING))

static struct value display(const struct value *arguments, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (arguments[i].type == STRING)
            fputs(name_text(arguments[i].text), stdout);
        else
            print(arguments[i], stdout);
    }
    putchar('\n');
    return nil;
}

static struct value fail_with(const struct value *arguments, size_t count)
{
    (void)count;
    error(arguments[0].type == STRING ? name_text(arguments[0].text) : "error", "");
}

static struct value collect(const struct value *arguments, size_t count)
{
    (void)arguments;
    (void)count;
    hapax_collect();
    return nil;
}

static const struct function functions[] = {
    {"+", 0, MOST_ARGUMENTS, add},
    {"-", 1, MOST_ARGUMENTS, subtract},
    {"*", 0, MOST_ARGUMENTS, multiply},
    {"/", 2, 2, divide},
    {"<", 1, MOST_ARGUMENTS, less},
    {"=", 1, MOST_ARGUMENTS, equal_numbers},
    {"eq", 2, 2, is_eq},
    {"cons", 2, 2, pair_of},
    {"car", 1, 1, first_of},
    {"cdr", 1, 1, rest_of},
    {"list", 0, MOST_ARGUMENTS, list_of},
    {"null?", 1, 1, is_nil},
    {"not", 1, 1, is_nil},
    {"pair?", 1, 1, is_pair},
    {"symbol?", 1, 1, is_symbol},
    {"string?", 1, 1, is_string},
    {"integer?", 1, 1, is_integer},
    {"put", 3, 3, put_property},
    {"get", 2, 2, get_property},
    {"string->symbol", 1, 1, string_to_symbol},
    {"symbol->string", 1, 1, symbol_to_string},
    {"display", 0, MOST_ARGUMENTS, display},
    {"error", 1, 1, fail_with},
    {"collect", 0, 0, collect},
};

/* ---- The program ---- */

static void run(const char *text, size_t size, bool show)
{
    struct value value;
    read_from(text, size);
    while (read_next(&value, &line)) {
        value = evaluate(value, NULL);
        if (show) {
            print(value, stdout);
            putchar('\n');
        }
    }
}

/* One line, one form or more. */
static void run_interactively(void)
{
    static jmp_buf back;
    static char *text;
    static size_t room;
    recovery = &back;
    for (;;) {
        if (setjmp(back) != 0)
            evaluate_from_scratch();
        fputs("> ", stdout);
        fflush(stdout);
        ssize_t size = getline(&text, &room, stdin);
        if (size < 0)
            break;
        run(text, (size_t)size, true);
    }
    putchar('\n');
    free(text);
}

int main(int count, char **arguments)
{
    static const char usage[] = "Usage: lisp [FILE...]\n";
    bool help = count > 1 && strcmp(arguments[1], "--help") == 0;
    if (help || (count > 1 && strncmp(arguments[1], "--", 2) == 0)) {
        fputs(usage, help ? stdout : stderr);
        return help ? 0 : BAD_USAGE;
    }
    set_global(symbol("t").text, symbol("t"));
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        set_global(symbol(functions[i].name).text, (struct value){.type = BUILT_IN, .function = &functions[i]});
    if (count == 1 && isatty(STDIN_FILENO)) {
        file = "standard input";
        run_interactively();
        return 0;
    }
    for (int i = 1; i < count || i == 1; i++) {
        size_t size;
        file = count > 1 ? arguments[i] : "-";
        char *text = read_file(file, &size);
        run(text, size, count == 1);
        free(text);
    }
    return fflush(stdout) == 0 ? 0 : BAD_INPUT;
}
