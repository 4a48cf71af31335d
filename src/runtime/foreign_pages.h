/* SPDX-License-Identifier: MIT */
/* Memory of the process that nobody we know of has taken: neither the library nor the collector, nor is it the stack of
 * a thread that the collector searches itself. What is left belongs to the program and its malloc.
 *
 * Inside a collection; one at a time. */
#ifndef HAPAX_FOREIGN_PAGES_H
#define HAPAX_FOREIGN_PAGES_H

#include <stdbool.h>
#include <stdint.h>

/* Reserves what that takes; again does nothing. False with ENOMEM. */
bool foreign_pages_prepare(void);

/* takes_large_parts: small ones beside the collector's heap are not malloc's, but the collector's tables. */
void foreign_pages_begin(bool takes_large_parts);
/* Calls visit for the parts of a mapping that are left, in the order of their addresses; mappings likewise. */
void foreign_pages_each(uintptr_t start, uintptr_t end, void (*visit)(uintptr_t start, uintptr_t end));

#endif
