/* SPDX-License-Identifier: MIT */
/* places.c - the names of the places where values stand, and a number for each. */
#include "config.h"

#include "stat/values/places.h"

#include "stat/base/message.h"
#include "stat/values/intern.h"

#include <stdlib.h>

void places_start(struct places *places)
{
    *places = (struct places){ .table = intern_table(), .count = 1 };
}

static uint32_t *slot_of(const struct places *places, hapax_handle name)
{
    uint32_t mask = places->capacity * 2 - 1;
    uint32_t at = (uint32_t)intern_mix(name, 0) & mask;
    while (places->slots[at] && places->names[places->slots[at]] != name)
        at = (at + 1) & mask;
    return &places->slots[at];
}

static void grow(struct places *places)
{
    places->capacity = places->capacity ? places->capacity * 2 : 64;
    places->names = need_resized(places->names, places->capacity * sizeof *places->names);
    free(places->slots);
    places->slots = need_zeroed((size_t)places->capacity * 2, sizeof *places->slots);
    for (uint32_t number = 1; number < places->count; number++)
        *slot_of(places, places->names[number]) = number;
}

uint32_t places_number(struct places *places, const char *name, size_t size)
{
    if (places->count >= places->capacity)
        grow(places);
    hapax_handle handle = intern(places->table, name, size);
    uint32_t *slot = slot_of(places, handle);
    if (!*slot) {
        places->names[places->count] = handle;
        *slot = places->count++;
    }
    return *slot;
}
