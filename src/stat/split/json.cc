/* SPDX-License-Identifier: MIT */
/*
 * json.cc - values are the keys and scalar values of JSON, cut by JSON for Modern C++ (nlohmann).
 *
 * Strings count without their quotes and with their escapes undone, numbers as they are written,
 * and true, false and null by their names. Several JSON texts may follow each other, as in JSON
 * lines; none at all is right too. A value's place is the key below which it stands, however deep
 * in arrays; the keys themselves stand at the place "(key)", what is below no key at "(top)".
 *
 * Why this parser: it is strict (RFC 8259, UTF-8, no lone surrogates), reads its input one
 * character at a time from wherever that comes, nests without recursion, and is still maintained.
 */
#include "config.h"

extern "C" {
#include "stat/base/message.h"
#include "stat/split/split.h"
}

#include <cstdint>
#include <iterator>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

using nlohmann::json;

bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool is_in_number(char c)
{
    return is_digit(c) || c == '.' || c == '+' || c == '-' || c == 'e' || c == 'E';
}

/* Where the input stands. */
struct input {
    explicit input(splitting *splitting) : split(splitting) {}

    splitting *split;
    piece at{ nullptr, 0 };
    size_t last_line = 1, last_byte = 0; /* of the last character; the byte in its line, from 1 */
    char previous = ' ';
    bool ended = false;
    bool failed = false; /* reading failed; the reason is filled in */

    /* The last number, as it is written. The parser refuses numbers that no double holds: of each
       row of digits it sees the first two alone. */
    std::string number;
    bool in_number = false;
    bool in_string = false;

    /* Whether there is a next character for the parser. */
    bool has_next()
    {
        while (has_character()) {
            if (!in_number || digits < DIGITS_TO_PARSE || !is_digit(*at.data))
                return true;
            number.push_back(*at.data);
            advance();
        }
        return false;
    }

    void step()
    {
        char c = previous = *at.data;
        if (in_string)
            step_in_string(c);
        else if (in_number && is_in_number(c))
            number.push_back(c);
        else
            step_outside(c);
        digits = is_digit(c) ? digits + 1 : 0;
        advance();
    }

  private:
    enum { DIGITS_TO_PARSE = 2 };
    unsigned digits = 0; /* in a row */
    bool line_ended = false;
    bool is_escaped = false;

    bool has_character()
    {
        if (at.size > 0)
            return true;
        if (ended)
            return false;
        failed = !split_next(split, &at);
        ended = failed || at.size == 0;
        return !ended;
    }

    void advance()
    {
        if (line_ended) {
            last_line++;
            last_byte = 0;
        }
        last_byte++;
        line_ended = *at.data == '\n';
        at.data++;
        at.size--;
    }

    void step_in_string(char c)
    {
        in_string = is_escaped || c != '"';
        is_escaped = !is_escaped && c == '\\';
    }

    void step_outside(char c)
    {
        in_string = c == '"';
        in_number = c == '-' || is_digit(c);
        if (in_number)
            number.assign(1, c);
    }
};

/* The input as the parser reads it: all copies share the one place. */
class characters {
  public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char *;
    using reference = const char &;

    explicit characters(input *source = nullptr) : source(source) {}
    reference operator*() const { return *source->at.data; }
    characters &operator++()
    {
        source->step();
        return *this;
    }
    characters operator++(int)
    {
        characters before = *this;
        source->step();
        return before;
    }
    bool operator==(const characters &) const { return !source->has_next(); } /* with the end */
    bool operator!=(const characters &end) const { return !(*this == end); }

  private:
    input *source;
};

/* The parser's words in short: no class of exceptions, no place, no text that it had read. */
std::string reason_of(const std::string &what)
{
    std::string reason = what;
    size_t start = reason.find("] ");
    if (start != std::string::npos)
        reason.erase(0, start + 2);
    start = reason.find("column ");
    if (start != std::string::npos && (start = reason.find(": ", start)) != std::string::npos)
        reason.erase(0, start + 2);
    size_t read = reason.find("; last read: '");
    size_t expected = reason.rfind("'; expected ");
    if (read != std::string::npos)
        reason.erase(read, expected != std::string::npos && expected > read ? expected + 1 - read
                                                                            : std::string::npos);
    return reason;
}

/* Steps over digits; false if there is none. */
bool skip_digits(const char *&at)
{
    const char *start = at;
    while (is_digit(*at))
        at++;
    return at > start;
}

/* Whether the text is one number, as JSON has them. */
bool is_number(const std::string &text)
{
    const char *at = text.c_str();
    at += *at == '-';
    if (*at == '0')
        at++;
    else if (!skip_digits(at))
        return false;
    if (*at == '.' && !skip_digits(++at))
        return false;
    if (*at == 'e' || *at == 'E') {
        at++;
        at += *at == '+' || *at == '-';
        if (!skip_digits(at))
            return false;
    }
    return at == text.c_str() + text.size();
}

class handler : public nlohmann::json_sax<json> {
  public:
    handler(splitting *split, const input &source) : split(split), source(source)
    {
        keys = split_place(split, "(key)", 5);
        above.push_back(split_place(split, "(top)", 5));
    }

    /* What the last text ended with. */
    enum { NOTHING, NUMBER, WORD, CLOSED } last = NOTHING;
    std::string why;

    bool null() override { return word("null", 4); }
    bool boolean(bool value) override { return value ? word("true", 4) : word("false", 5); }
    bool string(std::string &text) override { return word(text.data(), text.size()); }
    bool number_unsigned(std::uint64_t) override { return number(); }
    bool number_integer(std::int64_t) override { return number(); }
    bool number_float(double, const std::string &) override { return number(); }

    bool key(std::string &text) override
    {
        split_put(split, keys, text.data(), text.size());
        above.back() = split_place(split, text.data(), text.size());
        return true;
    }

    bool start_object(std::size_t) override { return open(); }
    bool start_array(std::size_t) override { return open(); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool binary(binary_t &) override { return false; } /* JSON has none */

    bool parse_error(std::size_t, const std::string &, const nlohmann::detail::exception &e) override
    {
        why = reason_of(e.what());
        return false;
    }

  private:
    splitting *split;
    const input &source;
    std::uint32_t keys;
    std::vector<std::uint32_t> above; /* the key of each object and array that is open */

    bool put(decltype(last) kind, const char *data, size_t size)
    {
        last = kind;
        split_put(split, above.back(), size ? data : "", size);
        return true;
    }

    bool word(const char *data, size_t size) { return put(WORD, data, size); }

    bool number() { return put(NUMBER, source.number.data(), source.number.size()); }

    bool open()
    {
        above.push_back(above.back());
        return true;
    }

    bool close()
    {
        above.pop_back();
        last = CLOSED;
        return true;
    }
};

/* Two texts need white space between them, unless the first is an object or an array. */
bool text_ends(const handler &events, input &source)
{
    if (events.last == handler::NUMBER) /* the parser has read what stands behind it */
        return is_number(source.number) && (source.in_number || is_space(source.previous));
    if (events.last != handler::WORD || !source.has_next())
        return true;
    source.step();
    return is_space(source.previous);
}

bool fail(const input &source, const std::string &reason)
{
    return split_fail(source.split, source.last_line, "%s, at byte %zu of the line",
                      reason.c_str(), source.last_byte);
}

/* One text and what stands behind it. False with the reason filled in. */
bool parse_text(input &source, handler &events)
{
    if (*source.at.data == '\xef') { /* the parser would pass over a byte order mark */
        source.step();
        return fail(source, "expected a value");
    }
    bool well = json::sax_parse(characters(&source), characters(), &events,
                                json::input_format_t::json, false);
    if (source.failed)
        return false;
    if (!well && source.previous == '\0' && !source.in_string) /* the parser takes it for the end */
        return fail(source, "a NUL outside of a string");
    if (!well)
        return fail(source, events.why);
    return text_ends(events, source) || (!source.failed && fail(source, "expected white space between two values"));
}

bool parse(splitting *split)
{
    input source(split);
    handler events(split, source);
    while (source.has_next()) {
        if (is_space(*source.at.data))
            source.step();
        else if (!parse_text(source, events))
            return false;
    }
    return !source.failed;
}

} /* namespace */

extern "C" bool split_json(struct splitting *splitting)
{
    try {
        return parse(splitting);
    } catch (const std::bad_alloc &) {
        out_of_memory();
    }
}
