/*
 * memory_use.h - how much memory this process takes.
 */
#ifndef STAT_MEMORY_USE_H
#define STAT_MEMORY_USE_H

#include <stdint.h>

/* Resident anonymous memory in bytes: heaps and stacks, no mapped files. 0 where the system does
   not say. */
uint64_t resident_bytes(void);

#endif
