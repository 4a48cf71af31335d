/* SPDX-License-Identifier: MIT */
/*
 * count.h - how often each value occurs, at each place and in all.
 *
 * The values are interned in a table of this process, so a value is a pointer, and a count belongs
 * to a pair of pointer and place.
 */
#ifndef STAT_VALUES_COUNT_H
#define STAT_VALUES_COUNT_H

#include "stat/base/child.h"
#include "stat/values/found.h"
#include "stat/values/places.h"
#include "stat/values/spool.h"

#include <stddef.h>
#include <stdint.h>

struct count_wishes {
    size_t plain_extra;      /* bytes that a plain string has beside the value */
    size_t top;              /* how many values that save most */
    size_t places;           /* how many places, those with most repeats */
    const char *values_path; /* where to write every value with its count; NULL: nowhere */
};

/* Fills in what the spool holds; ends the process if that fails. */
void count_values(const struct spool *spool, const struct places *places,
                  const struct count_wishes *wishes, struct child_progress *progress,
                  struct found *found);

#endif
