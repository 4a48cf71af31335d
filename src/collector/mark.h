/* SPDX-License-Identifier: MIT */
/* Our own small marker, for the moment when the collector's marking has ended: marks an object and all it reaches,
 * conservatively, as the collector does. Linear in what it marks; recursion of any depth costs memory outside of the
 * heap and no stack.
 *
 * Everything here but mark_prepare runs inside a collection, where nothing may be allocated from a heap: the stack of
 * what is left to search lies in pages of the system's, and doubles. Where the system has none, what was left out is
 * found again among all marked objects. */
#ifndef HAPAX_MARK_H
#define HAPAX_MARK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes what marking needs; the first call counts. False with ENOMEM. */
bool mark_prepare(void);

/* Marks what the word points to, if anything; mark_drain goes on from there. */
void mark_word(uintptr_t word);
/* Has the contents of an object searched, and does not mark the object itself: not for its own pointers to itself
 * either, but where what it reaches points back to it. */
void mark_contents(const void *base);
/* Marks all that is reached from what was given since. */
void mark_drain(void);

/* From now on calls the function for each object that is marked here; it may call mark_word. NULL: nobody listens. */
void mark_listen(void (*noticed)(const void *base));

/* Whether, since it was asked last, objects were marked of which the function was not told: those that a mark procedure
 * of the program's has found. */
bool mark_unheard(void);

/* Gives back what memory the stack has taken. */
void mark_finish(void);

/* For tests: room for this many objects only. Before mark_prepare. */
extern size_t mark_room_wanted;

#endif
