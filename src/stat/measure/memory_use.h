/* SPDX-License-Identifier: MIT */
/*
 * memory_use.h - how much memory this process takes.
 */
#ifndef STAT_MEASURE_MEMORY_USE_H
#define STAT_MEASURE_MEMORY_USE_H

#include <stdint.h>

/* Resident anonymous memory in bytes: heaps and stacks, no mapped files. 0 if the system does not
   say. */
uint64_t resident_bytes(void);

/* Heap in use, as malloc says, or resident memory if it does not. */
uint64_t malloc_bytes(void);

#endif
