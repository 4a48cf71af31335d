/* SPDX-License-Identifier: MIT */
/*
 * stat.h - the subcommand stat.
 */
#ifndef STAT_STAT_H
#define STAT_STAT_H

#include "stat/options.h"

/* Returns the exit status. Standard output is left to the caller to be flushed. */
int stat_run(const struct options *options);

#endif
