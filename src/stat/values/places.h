/* SPDX-License-Identifier: MIT */
/*
 * places.h - the names of the places where values stand, and a number for each.
 *
 * Number 0 is no place (SPLIT_NO_PLACE); the others count from 1 in the order of their first use.
 * For one process and one thread.
 */
#ifndef STAT_VALUES_PLACES_H
#define STAT_VALUES_PLACES_H

#include <hapax.h>
#include <stddef.h>
#include <stdint.h>

struct places {
    hapax_table *table;   /* keeps the names */
    hapax_handle *names;  /* by number; names[0] is none */
    uint32_t count;       /* with number 0 */
    uint32_t capacity;
    uint32_t *slots;      /* numbers by the name's address, 0: empty; twice the capacity */
};

void places_start(struct places *places);
uint32_t places_number(struct places *places, const char *name, size_t size);

#endif
