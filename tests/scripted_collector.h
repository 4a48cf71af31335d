/* SPDX-License-Identifier: MIT */
/* src/collector/collector.h on malloc, with death as the test writes it. A program that links this leaves
 * src/collector/collector.c out.
 *
 * An object lives on in a collection where it is reached: from the stacks of stopped threads, from root memory, from
 * the ranges that the library pushes, and through scanned memory, conservatively; static data is not searched. All
 * others die, but for those that `between` brings back. As in bdwgc, the memory of the dead is overwritten before
 * reclaim_end, and handed out again after it: who looks at a dead object sees SCRIPT_DEAD everywhere. */
#ifndef TESTS_SCRIPTED_COLLECTOR_H
#define TESTS_SCRIPTED_COLLECTOR_H

#include "world.h"

#include <stdbool.h>
#include <stdint.h>

enum { SCRIPT_DEAD = 0xdb, SCRIPT_UNWRITTEN = 0xa5 };

/* Set before threads run. */
struct script {
    bool quarantine;            /* memory of the dead is never handed out again */
    unsigned run_length;        /* objects in a run; 0: 8 */
    unsigned collect_every;     /* allocations between collections; 0: only when asked */
    void (*between)(void);      /* the marking has ended, the world runs, nothing is settled */
};
extern struct script script;

/* Only in `between`: whether this object was not reached; and it lives on after all, with all it reaches, as what a
 * foreign finalizer gets. */
bool script_is_doomed(const void *base);
void script_bring_back(const void *base);

/* Whether an object begins here. */
bool script_is_object(const void *base);
/* Collections that have ended, and objects that died in them. */
uint64_t script_collections(void);
uint64_t script_deaths(void);

#endif
