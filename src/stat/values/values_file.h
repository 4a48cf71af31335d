/* SPDX-License-Identifier: MIT */
/*
 * values_file.h - every value with its count, in a file.
 *
 * A line a value, the most frequent first: the count, a tab, the value. A backslash, a tab and
 * what ends a line are written as \\ \t \n \r in it, other bytes as they are.
 */
#ifndef STAT_VALUES_VALUES_FILE_H
#define STAT_VALUES_VALUES_FILE_H

#include <hapax.h>
#include <stddef.h>
#include <stdint.h>

struct counted {
    hapax_handle value; /* NULL: none */
    uint64_t count;
    uint32_t place; /* where it was counted; 0: everywhere */
};

/* Sorts the values and writes them; ends the process if that fails. */
void values_file_write(const char *path, struct counted *values, size_t count);

#endif
