/* SPDX-License-Identifier: MIT */
/* Looking for words that may be addresses of the collector's heap: the inner loop of every search of memory that the
 * collector does not know. What is found is handed to the collector as a root.
 *
 * Only inside push_roots, with the world stopped; one at a time. */
#ifndef HAPAX_WORD_SEARCH_H
#define HAPAX_WORD_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reserves what a search needs; again does nothing. False with ENOMEM. */
bool word_search_prepare(void);

void word_search_begin(void);
/* The aligned words that lie wholly in [start, end), which can be read. */
void word_search(const void *start, const void *end);
/* Whatever the collector's heap holds counts as found: for a search that could not be made. */
void word_search_everything(void);
void word_search_end(void);
/* How long the collector took, since begin, to mark what was found. */
uint64_t word_search_marking_ns(void);

#endif
