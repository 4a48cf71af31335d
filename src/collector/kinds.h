/* SPDX-License-Identifier: MIT */
/* Kinds of objects whose layout a program has described to bdwgc: with a bitmap, with a descriptor in each object, or
 * with a mark procedure of its own, which may know pointers where nobody else sees any. Our own marker has to find what
 * bdwgc would.
 *
 * bdwgc's public functions tell an object's descriptor (GC_mark_and_push puts it on a mark stack of ours), but call no
 * procedure by its number. So the table of procedures is looked for, once, in bdwgc's own data: with a procedure of
 * ours that it enters there, and that stands nowhere else. Where the table is not found, such an object is searched
 * word by word, and a line on standard error says so, once. */
#ifndef HAPAX_KINDS_H
#define HAPAX_KINDS_H

#include "collector/range.h"

/* bdwgc's own: only these of them may hold pointers. */
enum { KIND_SCANNED = 1, KIND_SCANNED_ROOT = 2 };

/* bdwgc's numbers of our kinds, by enum collector_kind. The pointer-free one is bdwgc's own, 0. */
enum { KINDS_OURS = 3 };
extern int kinds_ours[KINDS_OURS];

/* The start. Takes the allocator lock, and allocates nothing that is collected. */
void kinds_start(void);

/* Inside a collection: marks an object of such a kind, which is not marked yet; answers what is left to search of
 * it. */
struct collector_range kinds_mark(const void *base);
/* As collector_search_special. */
struct collector_range *kinds_search(struct collector_range range, struct collector_range *top,
                                     struct collector_range *limit);

#endif
