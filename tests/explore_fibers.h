/* SPDX-License-Identifier: MIT */
/* The explorer's threads: fibers of one real thread, each with a stack, an errno and other thread-local variables of
 * its own. */
#ifndef TESTS_EXPLORE_FIBERS_H
#define TESTS_EXPLORE_FIBERS_H

#include "explore.h"

#include "base/sync.h"
#include "weak/registry.h"

#include <ucontext.h>

/* The explorer's own books need no lock: only one thread runs. Nor does the thread sanitizer count the calls of these
 * functions: a fiber that has ended does not return from them. */
#if defined __clang__ && defined SYNC_THREAD_SANITIZER
#define UNWATCHED __attribute__((no_sanitize_thread, disable_sanitizer_instrumentation))
#else
#define UNWATCHED __attribute__((no_sanitize_thread))
#endif

enum { OUTSIDE = EXPLORE_THREADS };

enum life { ENDED, NEW, READY, WAITING };

struct fiber {
    ucontext_t context;         /* with its registers, while it does not run */
    ucontext_t first_context;   /* with those of fibers_make */
    char *stack;
    size_t stack_bytes;
    const char *low;            /* of its stack, while it does not run */
    enum life life;
    uint64_t progress;          /* steps of its own that may end the waiting of others */
    uint64_t seen_progress;     /* of the others, when it last went on after waiting */
    /* Its copies of thread-local variables. */
    struct thread *self, *known;
    struct registry_amidst amidst;
    int error;                  /* its errno */
    void (*function)(void);
    void *tsan;
    char sanitized;             /* an address for the thread sanitizer */
};
extern struct fiber fibers[EXPLORE_THREADS + 1];

/* The fiber that runs; OUTSIDE: the program's own stack. And how many fibers the scenario has. */
extern unsigned current, fibers_count;

/* Once: a thread of the library for each. */
void fibers_make(void);
/* All of them have ended: they begin in `run` when they are switched to, with empty stacks and the same registers as
 * ever. */
void fibers_begin_anew(void (*run)(void));
void fiber_switch_to(unsigned next);
/* A fiber begins to run. */
void fiber_arrive(void);

#endif
