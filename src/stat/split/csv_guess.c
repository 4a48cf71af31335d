/* SPDX-License-Identifier: MIT */
/* csv_guess.c - what a CSV file does not say of itself. */
#include "config.h"

#include "stat/split/csv_guess.h"

#include "stat/split/csv_fields.h"

#include <string.h>

enum { LOOK_AHEAD = 1 << 16, MOST_RECORDS = 200, MOST_COLUMNS = 1000 };

static const char candidates[] = ",\t;|";
enum { CANDIDATES = sizeof candidates - 1 };

/* How often a candidate stands in the records. */
struct tally {
    unsigned in_record; /* the record that is being read */
    unsigned in_first, records;
    bool steady; /* as often in every record */
};

struct tallies {
    struct tally of[CANDIDATES];
    unsigned records;
};

static void end_record(struct tallies *tallies)
{
    for (size_t i = 0; i < CANDIDATES; i++) {
        struct tally *tally = &tallies->of[i];
        if (tallies->records == 0)
            tally->in_first = tally->in_record;
        if (tally->in_record != tally->in_first)
            tally->steady = false;
        tally->records += tally->in_record > 0;
        tally->in_record = 0;
    }
    tallies->records++;
}

static void count_field(const char *text, size_t size, char end, void *context)
{
    (void)text;
    (void)size;
    struct tallies *tallies = context;
    const char *found = strchr(candidates, end);
    if (found && *found && tallies->records < MOST_RECORDS)
        tallies->of[found - candidates].in_record++;
}

static void count_record(void *context)
{
    struct tallies *tallies = context;
    if (tallies->records < MOST_RECORDS)
        end_record(tallies);
}

/* Any candidate ends a field here, so that a quote behind any of them opens one. Counts in whole
   records only, but for a last one that the file ends with. */
static void count(const char *data, size_t size, bool whole_file, struct tallies *tallies)
{
    struct csv_fields fields = { .field = count_field, .record = count_record, .context = tallies };
    csv_fields_start(&fields, candidates);
    csv_fields_parse(&fields, data, size);
    if (fields.in_record && (whole_file || tallies->records == 0))
        count_record(tallies);
    csv_fields_free(&fields);
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
    struct tallies tallies = { .records = 0 };
    for (size_t i = 0; i < CANDIDATES; i++)
        tallies.of[i].steady = true;
    count(data, size, whole_file, &tallies);
    size_t best = 0;
    for (size_t i = 1; i < CANDIDATES; i++)
        if (is_better(&tallies.of[i], &tallies.of[best]))
            best = i;
    return candidates[best];
}

/* The header. */

/* The fields of the first record. */
struct header {
    struct bytes text; /* of all of them, one behind the other */
    size_t ends[MOST_COLUMNS];
    size_t known;
    bool ended, followed; /* by another field */
    bool is_none;
};

static struct piece field_of(const struct header *header, size_t i)
{
    size_t start = i > 0 ? header->ends[i - 1] : 0;
    return (struct piece){ header->text.data + start, header->ends[i] - start };
}

static bool begins_as_number(const char *text, size_t size)
{
    size_t at = size > 1 && strchr("+-.", text[0]) != NULL;
    return text[at] >= '0' && text[at] <= '9';
}

static bool is_name(const struct header *header, const char *text, size_t size)
{
    if (size == 0 || begins_as_number(text, size))
        return false;
    for (size_t i = 0; i < header->known; i++) {
        struct piece other = field_of(header, i);
        if (other.size == size && memcmp(other.data, text, size) == 0)
            return false;
    }
    return true;
}

static void add_to_header(const char *text, size_t size, char end, void *context)
{
    (void)end;
    struct header *header = context;
    header->followed = header->ended;
    if (header->ended || header->is_none)
        return;
    if (header->known == MOST_COLUMNS || !is_name(header, text, size)) {
        header->is_none = true;
        return;
    }
    bytes_append(&header->text, text, size);
    header->ends[header->known++] = header->text.size;
}

static void end_header(void *context)
{
    struct header *header = context;
    header->ended = true;
}

static bool guess_header(const char *data, size_t size, char delimiter)
{
    struct header header = { .known = 0 };
    struct csv_fields fields = { .field = add_to_header, .record = end_header, .context = &header };
    csv_fields_start(&fields, (const char[]){ delimiter, '\0' });
    csv_fields_parse(&fields, data, size);
    bool found = header.ended && !header.is_none && (header.followed || fields.in_record);
    csv_fields_free(&fields);
    bytes_free(&header.text);
    return found;
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
