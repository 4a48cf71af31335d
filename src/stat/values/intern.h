/* SPDX-License-Identifier: MIT */
/*
 * intern.h - handles for the program's own use, which stay as long as the process runs.
 *
 * A failure ends the process, after saying why.
 */
#ifndef STAT_VALUES_INTERN_H
#define STAT_VALUES_INTERN_H

#include <hapax.h>
#include <stddef.h>
#include <stdint.h>

/* A new table that keeps its values, and is kept itself. */
hapax_table *intern_table(void);

hapax_handle intern(hapax_table *table, const char *data, size_t size);

/* A hash of the handle's address and a number, its lower bits well mixed. */
static inline uint64_t intern_mix(hapax_handle handle, uint32_t number)
{
    uint64_t mixed = ((uint64_t)(uintptr_t)handle + number) * UINT64_C(0x9e3779b97f4a7c15);
    return (mixed ^ mixed >> 32) * UINT64_C(0xd6e8feb86659fd93) >> 16;
}

#endif
