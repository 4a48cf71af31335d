/* SPDX-License-Identifier: MIT */
/*
 * keep_all.h - keeps all values of a spool in one way, with any number of threads.
 *
 * Each thread takes blocks of the spool that follow each other. Which thread keeps which value
 * never differs from run to run.
 */
#ifndef STAT_MEASURE_KEEP_ALL_H
#define STAT_MEASURE_KEEP_ALL_H

#include "stat/base/child.h"
#include "stat/measure/way.h"
#include "stat/values/spool.h"

/* pointers[i] keeps value i when this returns. A failure ends the process. */
void keep_all(const struct spool *spool, const struct way *way, unsigned threads,
              const void **pointers, struct child_progress *progress);

#endif
