/* SPDX-License-Identifier: MIT */
/* A log analyser: counts the hosts, paths, referers and agents in the access logs of a web server.
 *
 *     log_analyser [--threads=N] [--top=N] [FILE...]
 *
 * Reads logs in the common or the combined format, keeps a record of each line in an ordinary array, and prints the
 * most frequent values of each field, with the bytes that were sent. Each field has a table of its own, and
 * several threads intern in it at the same time. Without a FILE it reads the standard input. A line that is no log line
 * is reported with its place; the others are still counted, and the exit status is 1. */
#include "name.h"

#include <errno.h>
#include <pthread.h>

enum field { HOST, PATH, REFERER, AGENT, FIELDS };
static const char *const titles[FIELDS] = {"hosts", "paths", "referers", "agents"};
static hapax_table *tables[FIELDS];

struct record {
    name fields[FIELDS];
    unsigned status;
    unsigned long long bytes;
};

/* ---- Lines ---- */

/* Each of these moves *at behind what it has read, and returns false if that is not there. */
static bool take_word(const char **at, const char *end, const char **word, size_t *size)
{
    const char *start = *at;
    while (*at < end && **at != ' ')
        ++*at;
    *word = start;
    *size = (size_t)(*at - start);
    if (*at < end)
        ++*at;
    return *size > 0;
}

static bool take_between(const char **at, const char *end, char open, char close, const char **text, size_t *size)
{
    if (*at == end || **at != open)
        return false;
    *text = ++*at;
    for (; *at < end && **at != close; ++*at)
        if (**at == '\\' && *at + 1 < end)
            ++*at;
    if (*at == end)
        return false;
    *size = (size_t)(*at - *text);
    ++*at;
    if (*at < end && **at == ' ')
        ++*at;
    return true;
}

static bool take_number(const char **at, const char *end, unsigned long long *number)
{
    const char *word;
    size_t size;
    if (!take_word(at, end, &word, &size) || size > 18)
        return false;
    *number = 0;
    if (size == 1 && *word == '-')
        return true;
    for (size_t i = 0; i < size; i++) {
        if (word[i] < '0' || word[i] > '9')
            return false;
        *number = *number * 10 + (unsigned)(word[i] - '0');
    }
    return true;
}

static bool parse_line(const char *at, const char *end, struct record *record)
{
    const char *text[FIELDS] = {NULL, NULL, "-", "-"}, *request, *ignored;
    size_t size[FIELDS] = {0, 0, 1, 1}, request_size, ignored_size;
    unsigned long long status;
    if (!take_word(&at, end, &text[HOST], &size[HOST]) || !take_word(&at, end, &ignored, &ignored_size) ||
        !take_word(&at, end, &ignored, &ignored_size) || !take_between(&at, end, '[', ']', &ignored, &ignored_size) ||
        !take_between(&at, end, '"', '"', &request, &request_size) || !take_number(&at, end, &status) || status > 999 ||
        !take_number(&at, end, &record->bytes))
        return false;
    record->status = (unsigned)status;
    /* "GET /path HTTP/1.1"; what is no such thing is a path as a whole. */
    const char *behind = request, *request_end = request + request_size;
    if (!take_word(&behind, request_end, &ignored, &ignored_size) ||
        !take_word(&behind, request_end, &text[PATH], &size[PATH])) {
        text[PATH] = request;
        size[PATH] = request_size;
    }
    if (at < end && (!take_between(&at, end, '"', '"', &text[REFERER], &size[REFERER]) ||
                     !take_between(&at, end, '"', '"', &text[AGENT], &size[AGENT])))
        return false;
    for (int field = 0; field < FIELDS; field++)
        record->fields[field] = name_in(tables[field], text[field], size[field]);
    return true;
}

/* ---- Threads ---- */

struct part {
    pthread_t thread;
    const char *file, *start, *end;
    size_t first_line;          /* of the file; from 1 */
    struct record *records;     /* ordinary memory: the handles in it keep their values alive */
    size_t number, room, bad_lines;
};

static void *parse_part(void *data)
{
    struct part *part = data;
    size_t line = part->first_line;
    for (const char *at = part->start, *end; at < part->end; at = end + 1, line++) {
        end = memchr(at, '\n', (size_t)(part->end - at));
        if (end == NULL)
            end = part->end;
        const char *last = end > at && end[-1] == '\r' ? end - 1 : end;
        if (last == at)
            continue;
        if (part->number == part->room)
            part->records = need(realloc(part->records, (part->room = part->room * 2 + 64) * sizeof *part->records));
        if (parse_line(at, last, &part->records[part->number])) {
            part->number++;
        } else {
            fprintf(stderr, "%s:%zu: not a line of an access log\n", part->file, line);
            part->bad_lines++;
        }
    }
    return NULL;
}

/* Cuts the text at ends of lines, and parses the parts at the same time. */
static void parse_text(const char *file, const char *text, size_t size, struct part *parts, unsigned threads)
{
    const char *at = text, *end = text + size;
    size_t line = 1;
    for (unsigned i = 0; i < threads; i++) {
        const char *stop = i + 1 == threads ? end : text + size / threads * (i + 1);
        if (stop < at)
            stop = at;
        while (stop < end && stop > text && stop[-1] != '\n')
            stop++;
        parts[i] = (struct part){.file = file, .start = at, .end = stop, .first_line = line};
        for (const char *c = at; c < stop && (c = memchr(c, '\n', (size_t)(stop - c))) != NULL; c++)
            line++;
        at = stop;
    }
    for (unsigned i = 1; i < threads; i++) {
        int error = pthread_create(&parts[i].thread, NULL, parse_part, &parts[i]);
        if (error != 0)
            fail("cannot start a thread: %s", strerror(error));
    }
    parse_part(&parts[0]);
    for (unsigned i = 1; i < threads; i++)
        pthread_join(parts[i].thread, NULL);
}

/* ---- Counting: a hash table whose keys are names ---- */

struct count {
    name key;
    size_t requests;
    unsigned long long bytes;
};

struct counts {
    struct count *slots;
    size_t room, used;
};

static struct count *slot_of(struct counts *counts, name key)
{
    size_t i = name_hash(key) & (counts->room - 1);
    while (counts->slots[i].requests != 0 && !name_same(counts->slots[i].key, key))
        i = (i + 1) & (counts->room - 1);
    return &counts->slots[i];
}

static void add(struct counts *counts, name key, unsigned long long bytes)
{
    if (counts->used * 2 >= counts->room) {
        struct counts larger = {.room = counts->room == 0 ? 64 : counts->room * 2, .used = counts->used};
        larger.slots = need(calloc(larger.room, sizeof *larger.slots));
        for (size_t i = 0; i < counts->room; i++)
            if (counts->slots[i].requests != 0)
                *slot_of(&larger, counts->slots[i].key) = counts->slots[i];
        free(counts->slots);
        *counts = larger;
    }
    struct count *slot = slot_of(counts, key);
    if (slot->requests++ == 0) {
        slot->key = key;
        counts->used++;
    }
    slot->bytes += bytes;
}

static int more_requests(const void *one, const void *other)
{
    const struct count *a = one, *b = other;
    if (a->requests != b->requests)
        return a->requests > b->requests ? -1 : 1;
    return a->requests == 0 ? 0 : strcmp(name_text(a->key), name_text(b->key));
}

static void print_most_frequent(enum field field, const struct part *parts, size_t number, unsigned top)
{
    struct counts counts = {0};
    for (size_t i = 0; i < number; i++)
        for (size_t k = 0; k < parts[i].number; k++)
            add(&counts, parts[i].records[k].fields[field], parts[i].records[k].bytes);
    if (counts.used > 0)
        qsort(counts.slots, counts.room, sizeof *counts.slots, more_requests);
    printf("%zu %s\n", counts.used, titles[field]);
    for (size_t i = 0; i < counts.used && i < top; i++)
        printf("%10zu %14llu  %s\n", counts.slots[i].requests, counts.slots[i].bytes, name_text(counts.slots[i].key));
    free(counts.slots);
}

/* ---- The program ---- */

static const char usage[] = "Usage: log_analyser [--threads=N] [--top=N] [FILE...]\n";

static unsigned number_of(const char *text)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || *text == '-' || number == 0 || number > 1000) {
        fputs(usage, stderr);
        exit(BAD_USAGE);
    }
    return (unsigned)number;
}

int main(int count, char **arguments)
{
    unsigned threads = 4, top = 10;
    int first = 1;
    for (; first < count && strncmp(arguments[first], "--", 2) == 0; first++) {
        if (strcmp(arguments[first], "--help") == 0) {
            fputs(usage, stdout);
            return 0;
        } else if (strncmp(arguments[first], "--threads=", 10) == 0) {
            threads = number_of(arguments[first] + 10);
        } else if (strncmp(arguments[first], "--top=", 6) == 0) {
            top = number_of(arguments[first] + 6);
        } else {
            fputs(usage, stderr);
            return BAD_USAGE;
        }
    }
    for (int field = 0; field < FIELDS; field++) {
        tables[field] = hapax_table_new(NULL, 0);
        if (tables[field] == NULL)
            fail("cannot make a table: %s", strerror(errno));
    }

    static char *standard_input[] = {"-"};
    char **files = first < count ? arguments + first : standard_input;
    size_t number = first < count ? (size_t)(count - first) : 1;
    struct part *parts = need(calloc(number * threads, sizeof *parts));
    for (size_t i = 0; i < number; i++) {
        size_t size;
        char *text = read_file(files[i], &size);
        parse_text(files[i], text, size, parts + i * threads, threads);
        free(text);
    }

    size_t lines = 0, bad_lines = 0;
    for (size_t i = 0; i < number * threads; i++) {
        lines += parts[i].number;
        bad_lines += parts[i].bad_lines;
    }
    printf("%zu requests\n", lines);
    for (int field = 0; field < FIELDS; field++)
        print_most_frequent((enum field)field, parts, number * threads, top);

    for (size_t i = 0; i < number * threads; i++) {
        for (size_t k = 0; k < parts[i].number; k++)
            for (int field = 0; field < FIELDS; field++)
                name_free(parts[i].records[k].fields[field]);
        free(parts[i].records);
    }
    free(parts);
    return bad_lines > 0 ? BAD_INPUT : 0;
}
