/* SPDX-License-Identifier: MIT */
/* The threads under the scripted collector: who they are, how they are stopped, where their stacks lie.
 *
 * world_threads.c has real threads, which stop at safe points of their own: in calls of the collector, where they ask
 * for it, and while they wait for one another or block. world_fibers.c has those of the explorer, which stand still
 * wherever they are not running. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <stddef.h>

/* Scans the words of [low, high) for pointers. */
typedef void world_scan(const void *low, const void *high);

/* 1: the calling thread was not known before. */
int world_register(void);
void world_unregister(void);

/* The collector's lock. A thread that waits for it can be stopped. */
void world_lock(void);
void world_unlock(void);

/* The lock is held: no other known thread runs between the two. */
void world_stop(void);
void world_start(void);
/* While the world is stopped: the stacks and registers of all known threads. */
void world_each_stack(world_scan *scan);

/* Others may run here. */
void world_pause(void);

/* A point where the calling thread may be stopped. */
void world_safepoint(void);
/* Runs the function, which blocks and touches nothing that is collected: the thread counts as stopped meanwhile. */
void world_blocking(void (*function)(void *), void *argument);

#endif
