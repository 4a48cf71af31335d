/* SPDX-License-Identifier: MIT */
/* csv_guess.c - what a CSV file does not say of itself. */
#include "config.h"

#include "stat/split/csv_guess.h"

#include <string.h>

enum { LOOK_AHEAD = 1 << 16, MOST_RECORDS = 200, MOST_COLUMNS = 1000 };

static const char candidates[] = ",\t;|";
enum { CANDIDATES = sizeof candidates - 1 };

/* A quote opens at the start of a field only, and closes at the next one that is not doubled. */
struct quotes {
    bool open, may_open;
};

/* Whether a character stands inside quotes or is one of them. */
static bool is_quoted(struct quotes *quotes, char c, bool ends_field)
{
    if (c == '"' && (quotes->open || quotes->may_open)) {
        quotes->open = !quotes->open;
        quotes->may_open = !quotes->open; /* a second one at once is a doubled one */
        return true;
    }
    if (!quotes->open)
        quotes->may_open = ends_field;
    return quotes->open;
}

static bool ends_line(char c)
{
    return c == '\n' || c == '\r';
}

/* How often a candidate stands in the records. */
struct tally {
    unsigned in_record; /* the record that is being read */
    unsigned in_first, records;
    bool steady; /* as often in every record */
};

static void end_record(struct tally *tallies, unsigned *records)
{
    for (size_t i = 0; i < CANDIDATES; i++) {
        struct tally *tally = &tallies[i];
        if (*records == 0)
            tally->in_first = tally->in_record;
        if (tally->in_record != tally->in_first)
            tally->steady = false;
        tally->records += tally->in_record > 0;
        tally->in_record = 0;
    }
    ++*records;
}

/* Counts in whole records only, but for a last one that the file ends with. */
static void count(const char *data, size_t size, bool whole_file, struct tally *tallies)
{
    struct quotes quotes = { .may_open = true };
    bool empty = true;
    unsigned records = 0;
    for (size_t i = 0; i < size && records < MOST_RECORDS; i++) {
        char c = data[i];
        const char *found = memchr(candidates, c, CANDIDATES);
        bool quoted = is_quoted(&quotes, c, found || ends_line(c));
        if (!quoted && ends_line(c)) {
            if (!empty)
                end_record(tallies, &records);
            empty = true;
            continue;
        }
        empty = false;
        if (!quoted && found)
            tallies[found - candidates].in_record++;
    }
    if (!empty && (whole_file || records == 0))
        end_record(tallies, &records);
}

static bool is_better(const struct tally *tally, const struct tally *best)
{
    bool steady = tally->steady && tally->in_first > 0;
    bool best_steady = best->steady && best->in_first > 0;
    if (steady != best_steady)
        return steady;
    return steady ? tally->in_first > best->in_first : tally->records > best->records;
}

static char guess_delimiter(const char *data, size_t size, bool whole_file)
{
    struct tally tallies[CANDIDATES];
    memset(tallies, 0, sizeof tallies);
    for (size_t i = 0; i < CANDIDATES; i++)
        tallies[i].steady = true;
    count(data, size, whole_file, tallies);
    size_t best = 0;
    for (size_t i = 1; i < CANDIDATES; i++)
        if (is_better(&tallies[i], &tallies[best]))
            best = i;
    return candidates[best];
}

/* The header. */

static bool begins_as_number(const struct piece *field)
{
    size_t at = field->size > 1 && strchr("+-.", field->data[0]) != NULL;
    return field->data[at] >= '0' && field->data[at] <= '9';
}

static bool is_name(const struct piece *field, const struct piece *others, size_t count)
{
    if (field->size == 0 || begins_as_number(field))
        return false;
    for (size_t i = 0; i < count; i++)
        if (others[i].size == field->size && memcmp(others[i].data, field->data, field->size) == 0)
            return false;
    return true;
}

static struct piece without_quotes(const char *start, const char *end)
{
    if (end - start >= 2 && *start == '"' && end[-1] == '"') {
        start++;
        end--;
    }
    return (struct piece){ start, (size_t)(end - start) };
}

static bool guess_header(const char *data, size_t size, char delimiter)
{
    struct piece fields[MOST_COLUMNS];
    size_t known = 0;
    struct quotes quotes = { .may_open = true };
    const char *start = data;
    const char *end = data + size;
    for (const char *at = data; known < MOST_COLUMNS; at++) {
        bool field_ends = at == end || *at == delimiter || ends_line(*at);
        if (at < end && is_quoted(&quotes, *at, field_ends))
            continue;
        bool line_ends = at == end || ends_line(*at);
        if (field_ends) {
            fields[known] = without_quotes(start, at);
            if (!is_name(&fields[known], fields, known))
                return false;
            known++;
            start = at + 1;
        }
        if (line_ends)
            return end - at > 2; /* something follows */
    }
    return false;
}

bool csv_guess(struct splitting *splitting, struct csv_guess *guess)
{
    struct piece head;
    if (!split_peek(splitting, LOOK_AHEAD, &head))
        return false;
    guess->delimiter = splitting->delimiter;
    if (guess->delimiter == SPLIT_ANY_DELIMITER)
        guess->delimiter = guess_delimiter(head.data, head.size, head.size < LOOK_AHEAD);
    guess->has_header = guess_header(head.data, head.size, guess->delimiter);
    return true;
}
