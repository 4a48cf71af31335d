/* SPDX-License-Identifier: MIT */
/* Threads that run on stacks of the program's own making: coroutines of makecontext(3), say, on memory of malloc or
 * mmap.
 *
 * The collector takes what lies between a thread's stack pointer and the end of the stack that the thread was born
 * with. For a thread that runs elsewhere that is no memory at all. So before the collector looks, each thread that it
 * has stopped is looked up; of one that runs elsewhere, the stack that it runs on is searched from its stack pointer
 * on, and the one that it was born with as a whole. Coroutines that wait are not known here: their stacks are the
 * program's memory like any other.
 *
 * Inside a collection, with the allocation lock held. */
#ifndef HAPAX_STACKS_H
#define HAPAX_STACKS_H

#include <stdbool.h>

/* The collector is about to push the stacks; the world may run yet, where it collects in small steps. */
void stacks_before_push(bool is_stopped);
/* It has. */
void stacks_after_push(void);

#endif
