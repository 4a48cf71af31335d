/*
 * split_c.c - values are the preprocessing tokens of C: identifiers, numbers, string and
 * character literals, punctuation. Comments and white space are none.
 *
 * Any bytes at all are cut without an error: a literal that does not end stops at the end of its
 * line, a comment that does not end takes the rest, and a byte that begins no token is a value of
 * its own. Backslash-newline pairs are taken out of tokens. Header names in angle brackets are
 * cut as punctuation and identifiers.
 */
#include "config.h"

#include "bytes.h"
#include "split.h"

#include <string.h>

enum { END = -1 };

struct scanner {
    const char *at;
    const char *end;
    const char *token_end; /* after the last character taken */
    bool spliced;          /* a backslash-newline pair was stepped over since the token began */
};

/* Behind all backslash-newline pairs that stand at at. */
static const char *past_splices(const char *at, const char *end)
{
    while (at < end && *at == '\\') {
        if (end - at >= 2 && at[1] == '\n')
            at += 2;
        else if (end - at >= 3 && at[1] == '\r' && at[2] == '\n')
            at += 3;
        else
            break;
    }
    return at;
}

/* The next character, or END. */
static int peek(struct scanner *scanner)
{
    const char *at = past_splices(scanner->at, scanner->end);
    if (at != scanner->at) {
        scanner->at = at;
        scanner->spliced = true;
    }
    return at < scanner->end ? (unsigned char)*at : END;
}

/* Takes the character that peek just showed. */
static void take(struct scanner *scanner)
{
    scanner->token_end = ++scanner->at;
}

/* The character after the one that peek just showed. */
static int peek_second(const struct scanner *scanner)
{
    struct scanner ahead = *scanner;
    take(&ahead);
    return peek(&ahead);
}

static bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

/* Letters of other scripts are identifiers, as are the dollars that compilers allow. */
static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c >= 0x80;
}

static bool is_universal_name(const struct scanner *scanner, int c)
{
    if (c != '\\')
        return false;
    int second = peek_second(scanner);
    return second == 'u' || second == 'U';
}

/* Takes a literal from its quote on. */
static void take_literal(struct scanner *scanner, int quote)
{
    take(scanner);
    for (;;) {
        int c = peek(scanner);
        if (c == END || c == '\n')
            return;
        take(scanner);
        if (c == quote)
            return;
        if (c == '\\') {
            int escaped = peek(scanner);
            if (escaped != END && escaped != '\n')
                take(scanner);
        }
    }
}

static bool is_literal_prefix(const char *head, size_t size)
{
    return (size == 1 && (head[0] == 'L' || head[0] == 'u' || head[0] == 'U')) ||
           (size == 2 && head[0] == 'u' && head[1] == '8');
}

/* Takes an identifier, and the literal behind it where it is the prefix of one. */
static void take_identifier(struct scanner *scanner)
{
    char head[2] = { 0, 0 };
    size_t size = 0;
    int c = peek(scanner);
    while (is_letter(c) || is_digit(c) || is_universal_name(scanner, c)) {
        if (size < sizeof head)
            head[size] = (char)c;
        size++;
        take(scanner);
        c = peek(scanner);
    }
    if ((c == '"' || c == '\'') && is_literal_prefix(head, size))
        take_literal(scanner, c);
}

/* Takes a preprocessing number; 1'000 is one, as C23 has it. */
static void take_number(struct scanner *scanner)
{
    for (int c = peek(scanner);; c = peek(scanner)) {
        int second;
        switch (c) {
        case 'e': case 'E': case 'p': case 'P':
            take(scanner);
            second = peek(scanner);
            if (second == '+' || second == '-')
                take(scanner);
            break;
        case '.':
            take(scanner);
            break;
        case '\'':
            second = peek_second(scanner);
            if (!is_digit(second) && !(is_letter(second) && second < 0x80))
                return;
            take(scanner);
            break;
        default:
            if (!is_digit(c) && !is_letter(c) && !is_universal_name(scanner, c))
                return;
            take(scanner);
        }
    }
}

/* Takes the longest punctuator, or the single character where it begins none. */
static void take_punctuator(struct scanner *scanner)
{
    static const char *const long_ones[] = {
        "%:%:", "...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=",
        "&&",   "||",  "*=",  "/=",  "%=", "+=", "-=", "&=", "^=", "|=", "##", "<:", ":>",
        "<%",   "%>",  "%:",  "::",
    };
    char next[4];
    size_t size = 0;
    struct scanner ahead = *scanner;
    for (int c; size < sizeof next && (c = peek(&ahead)) != END; size++) {
        next[size] = (char)c;
        take(&ahead);
    }
    size_t length = 1;
    for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++) {
        size_t wanted = strlen(long_ones[i]);
        if (wanted <= size && memcmp(long_ones[i], next, wanted) == 0) {
            length = wanted;
            break;
        }
    }
    for (; length > 0; length--) {
        peek(scanner);
        take(scanner);
    }
}

static void skip_line_comment(struct scanner *scanner)
{
    for (int c = peek(scanner); c != END && c != '\n'; c = peek(scanner))
        take(scanner);
}

static void skip_block_comment(struct scanner *scanner)
{
    take(scanner);
    peek(scanner);
    take(scanner);
    int before = 0;
    for (int c = peek(scanner); c != END; c = peek(scanner)) {
        take(scanner);
        if (before == '*' && c == '/')
            return;
        before = c;
    }
}

/* To the first character of the next token; false at the end. */
static bool skip_to_token(struct scanner *scanner)
{
    for (;;) {
        int c = peek(scanner);
        if (c == END)
            return false;
        if (is_space(c)) {
            take(scanner);
            continue;
        }
        int second = c == '/' ? peek_second(scanner) : 0;
        if (second == '/')
            skip_line_comment(scanner);
        else if (second == '*')
            skip_block_comment(scanner);
        else
            return true;
    }
}

static void take_token(struct scanner *scanner)
{
    int c = peek(scanner);
    if (c == '"' || c == '\'')
        take_literal(scanner, c);
    else if (is_digit(c) || (c == '.' && is_digit(peek_second(scanner))))
        take_number(scanner);
    else if (is_letter(c) || is_universal_name(scanner, c))
        take_identifier(scanner);
    else
        take_punctuator(scanner);
}

static void put_spliced(const struct split_sink *sink, const char *start, const char *end,
                        struct bytes *buffer)
{
    buffer->size = 0;
    for (const char *at = past_splices(start, end); at < end; at = past_splices(at + 1, end))
        bytes_append(buffer, at, 1);
    sink->value(sink->context, buffer->data, buffer->size);
}

bool split_c(const char *data, size_t size, const struct split_sink *sink,
             struct split_error *error)
{
    (void)error;
    struct scanner scanner = { data, data + size, data, false };
    struct bytes buffer = { NULL, 0, 0 };
    const char *told = data;
    while (skip_to_token(&scanner)) {
        const char *start = scanner.at;
        scanner.spliced = false;
        take_token(&scanner);
        if (scanner.spliced)
            put_spliced(sink, start, scanner.token_end, &buffer);
        else
            sink->value(sink->context, start, (size_t)(scanner.token_end - start));
        split_advance_to(sink, &told, scanner.at);
    }
    split_advance_end(sink, told, scanner.end);
    bytes_free(&buffer);
    return true;
}
