/* SPDX-License-Identifier: MIT */
/* Threads that use the library: known to the collector, with free objects of their own.
 *
 * Every public function that touches collected memory begins with thread_enter. The first call in a process starts the
 * library. The first call in a thread makes the thread known to the collector. The end of the thread undoes that.
 *
 * A guest is a thread that other code has made known. This code may take the thread off at any time without telling us.
 * For example, if the collector has started the thread, it takes it off at its end, before destructors of thread-local
 * data run. So each call of a guest checks this, under the collector's lock. If a guest has been taken off, we make it
 * known, and from then on it is a thread like any other. */
#ifndef HAPAX_THREAD_H
#define HAPAX_THREAD_H

#include "base/sync.h"
#include "runtime/runs.h"

enum { THREAD_NOWHERE = 1 };

/* Never freed; used again by a later thread. */
struct thread {
    struct thread *next;
    atomic_bool in_use;
    bool ours;                  /* we made the thread known, and make it unknown at its end; else a guest */
    atomic_int task;            /* the system's number of a thread that is ours; 0: of none */
    atomic_word stack_base;     /* where its stack ends, at the highest address; 0: not known */
    uintptr_t stack_low;        /* where it begins; 0: not known */
    void *handle;               /* the collector's, of a thread that is ours */
    /* Inside a collection: where it runs, if that is not on its stack, and how far that is to be searched; else 0. */
    uintptr_t astray_at, astray_end;    /* THREAD_NOWHERE: elsewhere, but nobody has asked yet where */
    unsigned lane;              /* spreads threads over places that they would else write to together */
    /* Free objects at hand. Not seen by the collector: thread_mark_runs keeps some of them at each collection. */
    struct runs plain, values, scanned_values;
};

/* The calling thread, or NULL before its first call. Initial-exec: one instruction to reach, in a shared library
 * too. */
#define THREAD_OWN extern _Thread_local __attribute__((tls_model("initial-exec"), visibility("hidden")))
THREAD_OWN struct thread *thread_self;
/* The same, but NULL for a guest. */
THREAD_OWN struct thread *thread_known;

struct thread *thread_enter_slowly(void);

/* The calling thread, known to the collector; NULL with errno where it cannot be made known. */
static inline struct thread *thread_enter(void)
{
    struct thread *self = thread_known;
    return likely(self != NULL) ? self : thread_enter_slowly();
}

void thread_enter_reader_slowly(void);

/* The same for functions that only read what the caller holds. They cannot fail, and need nothing of ours. In a program
 * that has started the collector itself, the threads that it does not make known stay unknown. */
static inline void thread_enter_reader(void)
{
    if (unlikely(thread_known == NULL))
        thread_enter_reader_slowly();
}

/* Uninitialized memory that is not searched for pointers; NULL with ENOMEM. */
static inline void *thread_alloc_plain(struct thread *self, size_t size)
{
    return runs_alloc(&self->plain, size);
}

/* All free objects that the thread has at hand are the collector's again. */
static inline void thread_forget_runs(struct thread *thread)
{
    runs_forget(&thread->plain);
    runs_forget(&thread->values);
    runs_forget(&thread->scanned_values);
}

/* Overwrites vector registers, and the frames of calls that have returned. What they have left there lies where the
 * frames of the next calls will be, and keeps objects alive from what these do not initialize. */
void thread_clear_dead_frames(void);

/* Whether the thread with this number of the system's is one that we made known. Inside a collection, which it is
 * stopped for. */
bool thread_is_known(int task);
/* Likewise: calls visit for each. */
void thread_each_known(void (*visit)(struct thread *thread, void *data), void *data);
/* Likewise: the highest end of a stack in (start, end], or 0. */
uintptr_t thread_stack_base_in(uintptr_t start, uintptr_t end);

/* mark_end. */
void thread_mark_runs(void);

/* The library's start makes this ready. 0 or -1 with errno. */
int thread_start(void);

void thread_fork_prepare(void);
void thread_fork_parent(void);
void thread_fork_child(void);

#endif
