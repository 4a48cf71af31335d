/* SPDX-License-Identifier: MIT */
/*
 * gather.h - reads all files, cuts them into values, and counts these, in a process of its own.
 *
 * Afterwards the spool holds the values of all files that could be cut whole, and the parent knows
 * what was found. A file that cannot be read or is malformed is named on standard error.
 */
#ifndef STAT_VALUES_GATHER_H
#define STAT_VALUES_GATHER_H

#include "stat/input/file_list.h"
#include "stat/split/split.h"
#include "stat/values/count.h"
#include "stat/values/found.h"

#include <stdbool.h>
#include <stddef.h>

struct gather_job {
    char **paths; /* files and folders */
    size_t path_count;
    const char *names_from; /* a file of more names, each ended by a NUL; NULL: none */
    struct file_list_rules rules;
    const struct split_format *format;
    char delimiter;    /* as in struct splitting */
    size_t min_length; /* shorter values are left out */
    struct count_wishes wishes;
};

/* Fills the spool, a memory file. False: failed, and that was said. */
bool gather(const struct gather_job *job, int spool_fd, struct found *found);

#endif
