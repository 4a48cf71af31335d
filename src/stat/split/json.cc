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
#include <map>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace {

/* Doubles end at 1e308, and the parser refuses what is beyond them. */
using json = nlohmann::basic_json<std::map, std::vector, std::string, bool, std::int64_t,
                                  std::uint64_t, long double>;

/* Where the input stands. */
struct input {
    splitting *split;
    piece at{ nullptr, 0 };
    size_t line = 1;
    char previous = ' ';
    bool ended = false;
    bool failed = false; /* reading failed; the reason is filled in */

    /* Whether there is a next character. */
    bool has_next()
    {
        if (at.size > 0)
            return true;
        if (ended)
            return false;
        failed = !split_next(split, &at);
        ended = failed || at.size == 0;
        return !ended;
    }

    /* The line of the last character that was read. */
    size_t last_line() const { return line - (previous == '\n'); }

    void step()
    {
        previous = *at.data;
        line += previous == '\n';
        at.data++;
        at.size--;
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

bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

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

class handler : public nlohmann::json_sax<json> {
  public:
    explicit handler(splitting *split) : split(split)
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
    bool number_unsigned(std::uint64_t number) override { return digits(std::to_string(number)); }

    /* The parser comes here with what begins with a minus alone: a zero was written as -0. */
    bool number_integer(std::int64_t number) override
    {
        return digits(number == 0 ? "-0" : std::to_string(number));
    }

    bool number_float(long double, const std::string &text) override
    {
        return digits(text);
    }

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
    std::uint32_t keys;
    std::vector<std::uint32_t> above; /* the key of each object and array that is open */

    bool put(decltype(last) kind, const char *data, size_t size)
    {
        last = kind;
        split_put(split, above.back(), size ? data : "", size);
        return true;
    }

    bool word(const char *data, size_t size) { return put(WORD, data, size); }

    bool digits(const std::string &text) { return put(NUMBER, text.data(), text.size()); }

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
bool may_follow(const handler &events, const input &source)
{
    if (events.last == handler::NUMBER) /* the parser has read what stands behind it */
        return source.ended || is_space(source.previous);
    return events.last != handler::WORD || source.ended || is_space(*source.at.data);
}

bool parse(splitting *split)
{
    input source{ split };
    handler events(split);
    while (source.has_next()) {
        if (is_space(*source.at.data)) {
            source.step();
            continue;
        }
        bool well = json::sax_parse(characters(&source), characters(), &events,
                                    json::input_format_t::json, false);
        source.has_next();
        if (source.failed)
            return false;
        if (!well)
            return split_fail(split, source.last_line(), "%s", events.why.c_str());
        if (!may_follow(events, source))
            return split_fail(split, source.last_line(),
                              "white space is missing between two values");
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
