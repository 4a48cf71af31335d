/* SPDX-License-Identifier: MIT */
/* found.c - what the input holds, on its way between processes. */
#include "config.h"

#include "stat/values/found.h"

#include "stat/base/child.h"
#include "stat/base/utf8.h"

#include <string.h>

/* A name or a value that is longer is shown by its beginning. */
enum { MOST_SHOWN = 1000 };

size_t histogram_class_of(uint64_t number)
{
    return number ? 64 - (size_t)__builtin_clzll(number) : 0;
}

uint64_t histogram_least(size_t number_of_class)
{
    return number_of_class ? UINT64_C(1) << (number_of_class - 1) : 0;
}

/* A record is a struct, whose pointer means nothing, and the bytes it points to. */

static void add_record(struct bytes *records, const void *record, size_t size, const char *data,
                       size_t data_size)
{
    bytes_append(records, record, size);
    bytes_append(records, data, data_size);
}

static const char *next_record(const struct bytes *records, size_t *at, void *record, size_t size)
{
    if (records->size - *at < size)
        return NULL;
    memcpy(record, records->data + *at, size);
    *at += size;
    return records->data + *at;
}

/* How much is shown: no beginning of a character alone. */
static size_t shown(const char *data, size_t size)
{
    enum { LONGEST_CHARACTER = 4 };
    if (size <= MOST_SHOWN)
        return size;
    for (size_t back = 1; back < LONGEST_CHARACTER; back++)
        if (utf8_length(data + MOST_SHOWN - back, size - MOST_SHOWN + back) > back)
            return MOST_SHOWN - back;
    return MOST_SHOWN;
}

void found_add_place(struct found *found, const struct found_place *place)
{
    struct found_place record = *place;
    record.name_size = shown(place->name, place->name_size);
    add_record(&found->places, &record, sizeof record, place->name, record.name_size);
}

void found_add_top(struct found *found, const struct found_value *value)
{
    struct found_value record = *value;
    record.data_size = shown(value->data, value->data_size);
    add_record(&found->top, &record, sizeof record, value->data, record.data_size);
}

bool found_next_place(const struct found *found, size_t *at, struct found_place *place)
{
    const char *data = next_record(&found->places, at, place, sizeof *place);
    if (!data)
        return false;
    place->name = data;
    *at += place->name_size;
    return true;
}

bool found_next_top(const struct found *found, size_t *at, struct found_value *value)
{
    const char *data = next_record(&found->top, at, value, sizeof *value);
    if (!data)
        return false;
    value->data = data;
    *at += value->data_size;
    return true;
}

/* In front of everything that is sent. */
struct head {
    struct found_numbers numbers;
    uint64_t blocks, places, top; /* sizes */
};

void found_send(const struct found *found, int to)
{
    struct head head = { found->numbers, found->blocks.size, found->places.size, found->top.size };
    child_send(to, &head, sizeof head);
    child_send(to, found->blocks.data, found->blocks.size);
    child_send(to, found->places.data, found->places.size);
    child_send(to, found->top.data, found->top.size);
}

bool found_receive(struct found *found, const struct bytes *sent)
{
    struct head head;
    memset(found, 0, sizeof *found);
    if (sent->size < sizeof head)
        return false;
    memcpy(&head, sent->data, sizeof head);
    if (sent->size != sizeof head + head.blocks + head.places + head.top)
        return false;
    const char *at = sent->data + sizeof head;
    found->numbers = head.numbers;
    bytes_append(&found->blocks, at, head.blocks);
    bytes_append(&found->places, at + head.blocks, head.places);
    bytes_append(&found->top, at + head.blocks + head.places, head.top);
    return true;
}

void found_free(struct found *found)
{
    bytes_free(&found->blocks);
    bytes_free(&found->places);
    bytes_free(&found->top);
}
