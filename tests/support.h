/* SPDX-License-Identifier: MIT */
/* What the suites share: objects made in frames that are gone, deaths counted, work done in a child process.
 *
 * Stacks are searched conservatively, so one particular object may always stay: a test of death makes MANY objects and
 * asks for MOST. */
#ifndef TESTS_SUPPORT_H
#define TESTS_SUPPORT_H

#include "limits.h"

#include <hapax.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum { MANY = 1000, MOST = 900, FEW = MANY - MOST };

/* Calls make(i) for each i below n, in a frame that is gone and overwritten when this returns. */
void make_each(size_t n, void (*make)(size_t i));

/* Overwrites dead frames, then one full collection. */
void collect(void);

/* How many of the weak pointers lead nowhere. */
size_t count_dead(const hapax_weak *weak, size_t n);

/* An address that the collector does not recognize as one, and back. */
static inline uintptr_t hide(const void *pointer)
{
    return ~(uintptr_t)pointer;
}

static inline void *unhide(uintptr_t hidden)
{
    return (void *)~hidden;
}

/* Runs work(data) in a forked process. Its result as exit status, or 1000 + the signal that ended it. A child that
 * hangs is ended before the test is. */
int in_child(int (*work)(void *data), void *data);
/* The same; what the child writes to standard error is stored, NUL-terminated. */
int in_child_heard(int (*work)(void *data), void *data, char *heard, size_t room);

/* Runs work(data) in a thread that the collector has never heard of, and waits for its end. */
void *in_thread(void *(*work)(void *data), void *data);

/* In a child or a thread, where the assertions of the suite do not work: says what failed, and returns 1. */
#define CHECK(condition)                                                                                              \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                           \
            return 1;                                                                                                 \
        }                                                                                                             \
    } while (0)

#endif
