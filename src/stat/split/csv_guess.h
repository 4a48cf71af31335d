/* SPDX-License-Identifier: MIT */
/*
 * csv_guess.h - what a CSV file does not say of itself: its delimiter, and whether its first line
 * is a header.
 *
 * The delimiter is the candidate (comma, tab, semicolon, bar) that stands equally often, outside
 * quotes, in all of the first records, and most often if several do; otherwise the one that the
 * most records have; a comma if none stands anywhere. Quotes are those of csv_fields.h; a field may
 * begin behind any candidate. The first record is a header if it is followed by something else, and
 * if its fields all differ and none of them is empty or begins as a number does.
 */
#ifndef STAT_SPLIT_CSV_GUESS_H
#define STAT_SPLIT_CSV_GUESS_H

#include "stat/split/split.h"

struct csv_guess {
    char delimiter;
    bool has_header;
};

/* Looks ahead in the source. A delimiter that is given stays. False: reading failed, and that is
   filled in. */
bool csv_guess(struct splitting *splitting, struct csv_guess *guess);

#endif
