/* SPDX-License-Identifier: MIT */
/* An explorer of interleavings: runs a few threads of a scenario again and again, each time in another order.
 *
 * The threads are fibers of one real thread. They are switched only where the sources, compiled with SYNC_EXPLORE,
 * have done an atomic operation, and where they wait. All orders with up to a number of preemptions are run, in the way
 * of CHESS (Musuvathi and others, 2008); then orders with more of them, at random places. What is tried is sequentially
 * consistent: it finds wrong protocols, not wrong memory orders; under the thread sanitizer, which is not told of the
 * switches, missing orders show as well.
 *
 * The first failure prints the order in which the threads ran, and ends the program; given as arguments, `NAME ORDER`,
 * the program runs just that. For longer searches: EXPLORE_MORE_PREEMPTIONS=N, EXPLORE_FACTOR=N times as many orders at
 * random, EXPLORE_SEED=N. */
#ifndef TESTS_EXPLORE_H
#define TESTS_EXPLORE_H

#include "world.h"

#include <stdbool.h>
#include <stdint.h>

enum { EXPLORE_THREADS = 4 };

struct scenario {
    const char *name;
    unsigned preemptions;       /* in each order of the exhaustive search */
    unsigned random_runs;
    void (*begin)(void);        /* before each run, outside of all threads: nothing is switched */
    void (*threads[EXPLORE_THREADS])(void);
    void (*end)(void);          /* after all threads have ended */
};

/* Adds the scenario's line of TAP. */
void explore(const struct scenario *scenario);

/* At the beginning and at the end of a program. */
void explore_begin(int argc, char **argv);
int explore_end(void);

/* Ends the program with the order that led here, where the condition does not hold. */
#define MUST(condition, ...)                                                                                          \
    do {                                                                                                              \
        if (!(condition))                                                                                             \
            explore_fail(__FILE__, __LINE__, #condition, __VA_ARGS__);                                                \
    } while (0)
_Noreturn __attribute__((format(printf, 4, 5))) void explore_fail(const char *file, int line, const char *condition,
                                                                 const char *format, ...);

/* The calling thread goes on when another has made a step. */
void explore_wait(void);
/* While this is so, no thread is switched. */
void explore_hold_still(bool still);
/* The number of the thread that runs; EXPLORE_THREADS outside of all. */
unsigned explore_self(void);
/* What stands still: the stacks of all threads that have begun. */
void explore_each_stack(world_scan *scan);
/* For the thread sanitizer: what all threads did is seen by the caller; what the caller did is seen by all. */
void explore_gather(void);
void explore_scatter(void);
/* And this pair: as a lock's. */
void explore_acquire(void *lock);
void explore_release(void *lock);

#endif
