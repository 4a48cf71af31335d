/* SPDX-License-Identifier: MIT */
/*
 * c.c - values are the preprocessing tokens of C: identifiers, numbers, string and character
 * literals, header names, punctuation. Comments and white space are none. The raw strings of C++
 * are literals too.
 *
 * Any bytes at all are cut without an error: a literal that does not end stops at the end of its
 * line, a comment that does not end takes the rest, and a byte that begins no token is a value of
 * its own. Backslash-newline pairs are taken out of tokens, but for raw strings. A header name in
 * angle brackets is one only if the language has one there: behind #include and its like, and in
 * __has_include.
 */
#include "config.h"

#include "stat/base/bytes.h"
#include "stat/split/split.h"

#include <string.h>

enum { END = -1 };

struct scanner {
    const char *at;
    const char *end;
    const char *token_end; /* after the last character taken */
    bool spliced;          /* a backslash-newline pair was stepped over since the token began */
    bool raw;              /* the token is a raw string */
    bool line_began;       /* a line began since the last token */
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

/* What may stand in front of a quote, and the same with the R of a raw string behind it. */
static bool is_literal_prefix(const char *head, size_t size, bool *raw)
{
    *raw = size > 0 && head[size - 1] == 'R';
    size -= *raw;
    return (size == 0 && *raw) ||
           (size == 1 && (head[0] == 'L' || head[0] == 'u' || head[0] == 'U')) ||
           (size == 2 && head[0] == 'u' && head[1] == '8');
}

/* Takes R"name( ... )name" from its quote on, byte by byte as it stands; false if it is none. */
static bool take_raw_literal(struct scanner *scanner)
{
    enum { LONGEST_NAME = 16 };
    const char *name = scanner->at + 1;
    const char *open = name;
    while (open < scanner->end && open - name <= LONGEST_NAME && !is_space(*open) &&
           *open != ')' && *open != '\\' && *open != '"' && *open != '(')
        open++;
    size_t length = (size_t)(open - name);
    if (open == scanner->end || *open != '(' || length > LONGEST_NAME)
        return false;
    for (const char *at = open; (at = memchr(at, ')', (size_t)(scanner->end - at))) != NULL; at++)
        if ((size_t)(scanner->end - at) > length + 1 && memcmp(at + 1, name, length) == 0 &&
            at[1 + length] == '"') {
            scanner->at = scanner->token_end = at + length + 2;
            scanner->raw = true;
            return true;
        }
    return false;
}

/* Takes an identifier, and the literal behind it if it is the prefix of one. */
static void take_identifier(struct scanner *scanner)
{
    char head[3] = { 0, 0, 0 };
    size_t size = 0;
    int c = peek(scanner);
    while (is_letter(c) || is_digit(c) || is_universal_name(scanner, c)) {
        if (size < sizeof head)
            head[size] = (char)c;
        size++;
        take(scanner);
        c = peek(scanner);
    }
    bool raw;
    if ((c != '"' && c != '\'') || size > sizeof head || !is_literal_prefix(head, size, &raw))
        return;
    if (!raw)
        take_literal(scanner, c);
    else if (c == '"' && !take_raw_literal(scanner))
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

/* Takes the longest punctuator, or the single character if it begins none. */
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
            scanner->line_began |= c == '\n';
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

/* Where a header name may come. */
enum expectation { NO_HEADER, DIRECTIVE, PARENTHESIS, HEADER };

static bool is_one_of(const struct piece *token, const char *const *words)
{
    for (; *words; words++)
        if (strlen(*words) == token->size && memcmp(*words, token->data, token->size) == 0)
            return true;
    return false;
}

/* What to expect behind the token, by what was expected before it. */
static enum expectation expect_after(enum expectation expected, const struct piece *token,
                                     bool began_line)
{
    static const char *const hash[] = { "#", "%:", NULL };
    static const char *const directives[] = { "include", "include_next", "import", "embed", NULL };
    static const char *const questions[] = { "__has_include", "__has_include_next", "__has_embed",
                                             NULL };
    static const char *const parenthesis[] = { "(", NULL };
    if (began_line)
        return is_one_of(token, hash) ? DIRECTIVE : NO_HEADER;
    if (expected == DIRECTIVE && is_one_of(token, directives))
        return HEADER;
    if (is_one_of(token, questions))
        return PARENTHESIS;
    return expected == PARENTHESIS && is_one_of(token, parenthesis) ? HEADER : NO_HEADER;
}

/* Takes <name>; false if the line has no such end. */
static bool take_header_name(struct scanner *scanner)
{
    const char *at = scanner->at;
    while (at < scanner->end && *at != '>' && *at != '\n')
        at++;
    if (at == scanner->end || *at != '>')
        return false;
    scanner->at = scanner->token_end = at + 1;
    return true;
}

static void take_token(struct scanner *scanner, enum expectation expected)
{
    int c = peek(scanner);
    if (c == '<' && expected == HEADER && !scanner->line_began && take_header_name(scanner))
        return;
    if (c == '"' || c == '\'')
        take_literal(scanner, c);
    else if (is_digit(c) || (c == '.' && is_digit(peek_second(scanner))))
        take_number(scanner);
    else if (is_letter(c) || is_universal_name(scanner, c))
        take_identifier(scanner);
    else
        take_punctuator(scanner);
}

static struct piece without_splices(const char *start, const char *end, struct bytes *buffer)
{
    buffer->size = 0;
    for (const char *at = past_splices(start, end); at < end; at = past_splices(at + 1, end))
        bytes_append(buffer, at, 1);
    return (struct piece){ buffer->data, buffer->size };
}

static void put_tokens(struct splitting *splitting, const char *data, size_t size)
{
    struct scanner scanner = { .at = data, .end = data + size, .line_began = true };
    struct bytes buffer = { NULL, 0, 0 };
    enum expectation expected = NO_HEADER;
    while (skip_to_token(&scanner)) {
        const char *start = scanner.at;
        scanner.spliced = scanner.raw = false;
        take_token(&scanner, expected);
        struct piece token = { start, (size_t)(scanner.token_end - start) };
        if (scanner.spliced && !scanner.raw)
            token = without_splices(start, scanner.token_end, &buffer);
        split_put(splitting, SPLIT_NO_PLACE, token.data, token.size);
        expected = expect_after(expected, &token, scanner.line_began);
        scanner.line_began = false;
    }
    bytes_free(&buffer);
}

bool split_c(struct splitting *splitting)
{
    struct bytes text = { NULL, 0, 0 };
    bool well = split_read_all(splitting, &text);
    if (well && text.size > 0)
        put_tokens(splitting, text.data, text.size);
    bytes_free(&text);
    return well;
}
