/* SPDX-License-Identifier: MIT */
/* What objects reach, without marking anything: a search from one object to the next, each entered once.
 *
 * Runs inside a collection, where nothing may be allocated: what the search remembers lies in address space that
 * reach_prepare has reserved, and has an end. */
#ifndef HAPAX_REACH_H
#define HAPAX_REACH_H

#include <stdbool.h>
#include <stddef.h>

/* Reserves what a search needs; the first call counts. False with ENOMEM. */
bool reach_prepare(void);

/* Calls enter for each object that the contents of `from` lead to, `from` itself included if another object leads back
 * to it; if it answers true, the search goes on into that object. Objects seen since reach_forget are not entered
 * again. False where there were too many to remember: the search is not complete. */
bool reach_search(const void *from, bool (*enter)(const void *base));
/* Calls enter for this object as if a search had come upon it; reach_go_on searches from there. */
bool reach_add(const void *base, bool (*enter)(const void *base));
bool reach_go_on(bool (*enter)(const void *base));
/* Whether it has anything to do. */
bool reach_left(void);
void reach_forget(void);

/* How many objects all searches have remembered so far. */
extern size_t reach_passed;

/* The most objects a search remembers; less for tests. */
extern size_t reach_limit;

#endif
