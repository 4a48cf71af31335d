/* SPDX-License-Identifier: MIT */
/*
 * found.h - what the input holds: how many values, how different, where, how long, how often.
 *
 * It is found in one process and sent to another: it holds numbers and runs of bytes, no pointers
 * into anything else.
 */
#ifndef STAT_VALUES_FOUND_H
#define STAT_VALUES_FOUND_H

#include "stat/base/bytes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Class 0 is for the number 0, class i for those of i binary digits: 1, 2-3, 4-7 ... */
enum { HISTOGRAM_CLASSES = 65 };

struct histogram_class {
    uint64_t distinct;
    uint64_t values; /* with their repeats */
};

enum { FOUND_DELIMITERS = 8 };

struct found_numbers {
    uint64_t files;       /* that were cut */
    uint64_t refused;     /* that were not, for a reason that was said */
    uint64_t input_bytes; /* read from the files that were cut */
    uint64_t values;
    uint64_t short_values; /* that were left out as too short */
    uint64_t distinct;
    uint64_t distinct_bytes;
    uint64_t distinct_plain_bytes; /* what a heap string of each would take */
    uint64_t spool_size;
    uint64_t place_count; /* also of those that are not listed */
    struct histogram_class lengths[HISTOGRAM_CLASSES]; /* by size in bytes */
    struct histogram_class repeats[HISTOGRAM_CLASSES]; /* by how often a value occurs */
    char delimiters[FOUND_DELIMITERS]; /* of the CSV files, ended by NUL */
};

struct found {
    struct found_numbers numbers;
    struct bytes blocks; /* of the spool */
    struct bytes places; /* records, see below */
    struct bytes top;
};

struct found_place {
    uint64_t count;
    uint64_t plain_bytes; /* what a heap string of each value takes */
    uint64_t distinct;
    uint64_t distinct_bytes;
    const char *name;
    size_t name_size;
};

/* One of the values that save most: a heap string for each time it occurs again. */
struct found_value {
    uint64_t count;
    uint64_t saved_bytes;
    uint64_t size;
    const char *data; /* its beginning, if it is long */
    size_t data_size;
};

/* Records are steps through a run of bytes, from *at = 0 on; false after the last. */
bool found_next_place(const struct found *found, size_t *at, struct found_place *place);
bool found_next_top(const struct found *found, size_t *at, struct found_value *value);
void found_add_place(struct found *found, const struct found_place *place);
void found_add_top(struct found *found, const struct found_value *value);

void found_send(const struct found *found, int to);

/* From the bytes that were sent; false if they are none. */
bool found_receive(struct found *found, const struct bytes *sent);
void found_free(struct found *found);

/* The class of a number, and the least number of a class. */
size_t histogram_class_of(uint64_t number);
uint64_t histogram_least(size_t number_of_class);

#endif
