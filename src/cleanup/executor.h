/* SPDX-License-Identifier: MIT */
/* The queue of cleanups and finalizers, and the threads that empty it.
 *
 * A collection pushes tasks, without a lock and without allocating. Threads of the library, or any thread that drains
 * the queue, take the tasks in order of arrival. They own no lock while they run a task. */
#ifndef HAPAX_EXECUTOR_H
#define HAPAX_EXECUTOR_H

#include "base/sync.h"

/* Part of a record with a function to run. In scanned memory that is held until the task has ended. */
struct task {
    struct task *next;
    uint64_t sequence;      /* the order of arrival; from 1 */
    uint64_t queued_ns;
    const struct task_kind *kind;
};

struct task_kind {
    bool (*is_stopped)(const struct task *task);
    /* The task leaves the queue: from now on it cannot be stopped. False where it was; then nothing is left to do. */
    bool (*begin)(struct task *task);
    /* Calls the program's function; not cancelled there. */
    void (*run)(struct task *task);
    /* It has ended, or was found stopped: its record may be used again. Answers the argument that the caller drops as
     * soon as it owns nothing, or NULL. */
    void *(*end)(struct task *task);
    /* In the child of a fork, of a task that has begun in a thread that is not there: it waits in the queue once
     * more. */
    void (*begin_anew)(struct task *task);
};

/* What the threads do besides. Both functions may be NULL. */
struct executor_chore {
    bool (*wanted)(void);   /* reclaim_end: whether there is anything to do */
    void (*run)(void);      /* the caller owns nothing */
};

/* The library's start. 0 or -1 with errno. */
int executor_start_up(struct executor_chore chore);

/* Sees to it that the wanted threads run. Cheap where they do. 0 or -1 with errno. */
int executor_ensure_threads(void);

/* reclaim_end. */
void executor_push(struct task *task);
void executor_wake(void);

/* After a queued task was stopped: wakes the threads that wait for it. */
void executor_notice_stopped(void);

/* How long the oldest task has waited, in nanoseconds; 0: there is none. */
uint64_t executor_oldest_ns(void);

/* No task begins between prepare and parent or child. Waits for those that have begun in other threads, though not for
 * ever: what is cut off then begins anew in the child. */
void executor_fork_prepare(void);
void executor_fork_parent(void);
void executor_fork_child(void);

#endif
