/* SPDX-License-Identifier: MIT */
/* Weak pointers: what the statistics ask of them. The public functions are in <hapax/weak.h>. */
#ifndef HAPAX_WEAK_PRIVATE_H
#define HAPAX_WEAK_PRIVATE_H

#include "weak/weak_set.h"

/* The cells of all objects. NULL before the first. */
extern struct weak_set *_Atomic weak_cells;

/* How many weak pointers there are. */
uint64_t weak_count(void);

#endif
