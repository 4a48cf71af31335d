/* SPDX-License-Identifier: MIT */
/* Chance, and the tables under test. */
#include "config.h"

#include "stress.h"

#include <stdio.h>
#include <string.h>

/* ---- Chance ---- */

_Thread_local uint64_t chance;

uint32_t dice(uint32_t sides)
{
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (uint32_t)((chance >> 32) * sides >> 32);
}

/* ---- Tables under test ---- */

const enum kind kinds[SUBJECTS] = {STRINGS, OWN_STRINGS, OWN_STRINGS, POOR_HASH, PAIRS, NUMBERS, KEPT};
struct subject *_Atomic subjects[SUBJECTS];

unsigned text_of(unsigned number, char *text)
{
    int length = snprintf(text, 40, "value %u ", number);
    /* Up to some hundred bytes of its own, some more than a thread's runs serve. */
    unsigned size = number % 97 == 0 ? 1100 : (unsigned)length + number % 61;
    memset(text + length, 'a' + (int)(number % 26), size - (unsigned)length);
    if (number % 13 == 0)
        text[size - 1] = '\0';
    return size;
}

static uint64_t poor_hash(const void *value, size_t size, uint64_t seed)
{
    (void)size;
    return (((const unsigned char *)value)[6] & 15) ^ seed;
}

/* A user's function that has work of its own: it allocates and interns. */
static bool busy_equal(const void *a, const void *b, size_t size)
{
    bool equal = memcmp(a, b, size) == 0;
    switch (dice(512)) {
    case 0:
        if (hapax_intern("what an equality needs") == NULL)
            fail("hapax_intern fails");
        break;
    case 1:
        if (hapax_alloc(100) == NULL)
            fail("hapax_alloc fails");
        break;
    default:
        break;
    }
    return equal;
}

static const struct hapax_type poor_type = {.name = "poor", .hash = poor_hash, .equal = busy_equal};
static const struct hapax_type pair_type = {.size = sizeof(struct pair), .flags = HAPAX_TYPE_HAS_POINTERS};
static const struct hapax_type number_type = {.size = sizeof(struct number)};

struct subject *new_subject(enum kind kind)
{
    struct subject *subject = hapax_alloc(sizeof *subject);
    subject->kind = kind;
    switch (kind) {
    case STRINGS:
        subject->table = hapax_strings();
        break;
    case OWN_STRINGS:
        subject->table = hapax_table_new(NULL, 0);
        break;
    case POOR_HASH:
        subject->table = hapax_table_new(&poor_type, 0);
        break;
    case PAIRS:
        subject->table = hapax_table_new(&pair_type, 0);
        break;
    case NUMBERS:
        subject->table = hapax_table_new(&number_type, 0);
        break;
    case KEPT:
        subject->table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
        break;
    }
    if (subject->table == NULL)
        fail("no table");
    add_relaxed(&tables_made, 1u);
    return subject;
}

struct subject *any_subject(unsigned *index)
{
    *index = dice(SUBJECTS);
    return load_acquire(&subjects[*index]);
}

unsigned values_in(const struct subject *subject)
{
    return subject->kind == POOR_HASH ? 150 : VALUES;
}

size_t value_of(const struct subject *subject, unsigned number, union value *value)
{
    switch (subject->kind) {
    case PAIRS: {
        struct subject *strings = load_acquire(&subjects[0]);
        value->pair = (struct pair){make(strings, number), make(strings, (number + 1) % VALUES), number};
        return sizeof value->pair;
    }
    case NUMBERS:
        memset(&value->number, 0, sizeof value->number);
        value->number.number = number;
        value->number.square = (long double)number * number;
        return sizeof value->number;
    default:
        return text_of(number, value->text);
    }
}

static bool is_text(hapax_handle handle, unsigned number)
{
    char text[1200];
    size_t size = text_of(number, text);
    const char *bytes = hapax_handle_value(handle);
    return hapax_handle_size(handle) == size && memcmp(bytes, text, size) == 0 && bytes[size] == '\0';
}

void check_bytes(const struct subject *subject, hapax_handle handle, unsigned number, const char *where)
{
    bool right;
    const void *bytes = hapax_handle_value(handle);
    if (subject->kind == PAIRS) {
        const struct pair *pair = bytes;
        right = hapax_handle_size(handle) == sizeof *pair && pair->number == number && is_text(pair->first, number) &&
                is_text(pair->second, (number + 1) % VALUES);
    } else if (subject->kind == NUMBERS) {
        const struct number *found = bytes;
        right = hapax_handle_size(handle) == sizeof *found && found->number == number &&
                found->square == (long double)number * number && (uintptr_t)bytes % _Alignof(max_align_t) == 0;
    } else {
        right = is_text(handle, number);
    }
    if (!right)
        fail("%s: the bytes of value %u of a table of kind %d are wrong", where, number, (int)subject->kind);
}

/* Compares with the handle that another thread may have shown: both are held at this moment. */
void meet(struct subject *subject, hapax_handle handle, unsigned number, const char *where)
{
    hapax_handle other = load_acquire(&subject->current[number]);
    if (other != NULL && other != handle)
        fail("%s: two live handles for value %u of a table of kind %d", where, number, (int)subject->kind);
    switch (dice(16)) {
    case 0:
    case 1:
        cas_acq_rel(&subject->current[number], &other, handle);
        break;
    case 2:
    case 3:
        store_release(&subject->current[number], (hapax_handle)NULL);
        break;
    default:
        break;
    }
}

hapax_handle make(struct subject *subject, unsigned number)
{
    union value value;
    size_t size = value_of(subject, number, &value);
    hapax_handle handle;
    if (dice(8) == 0)
        handle = hapax_make_handle_hashed(subject->table, &value, size, hapax_hash(subject->table, &value, size));
    else
        handle = hapax_make_handle(subject->table, &value, size);
    if (handle == NULL)
        fail("no handle");
    if (subject->kind == PAIRS)
        hapax_keep_alive(value.pair.first);
    meet(subject, handle, number, "make");
    return handle;
}

/* What is held is found, under the same handle. */
void expect_canonical(struct subject *subject, hapax_handle handle, unsigned number, const char *where)
{
    check_bytes(subject, handle, number, where);
    union value value;
    size_t size = value_of(subject, number, &value);
    hapax_handle found = dice(2) == 0 ? hapax_make_handle(subject->table, &value, size)
                                      : hapax_find_handle(subject->table, &value, size);
    if (found != handle)
        fail("%s: value %u of a table of kind %d is held, but another handle is found (%p, %p)", where, number,
             (int)subject->kind, (const void *)handle, (const void *)found);
    hapax_keep_alive(handle);
}
