/* SPDX-License-Identifier: MIT */
/*
 * hapax/worker.h - a background thread that ends when its owner dies.
 *
 * A cache with a janitor, a client with a flusher: the thread works on the owner's state and must
 * not outlive the owner, but no program wants to call close. A worker holds the state alone; once the
 * owner is unreachable, its thread ends by itself.
 *
 * A worker does not go on in the child of a fork: its thread is not there, and what it would do
 * (flush a buffer, send what is due) the parent does already. A child starts its own. If a tick
 * itself forks and then returns in the child, the child ends as with _exit(0).
 *
 * Source of the semantics: runtime.AddCleanup of Go on the owner, stopping a goroutine with a
 * time.Ticker.
 */
#ifndef HAPAX_WORKER_H
#define HAPAX_WORKER_H

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

typedef struct hapax_worker hapax_worker;

/*
 * Starts a thread that calls tick(state) every interval_ms milliseconds, for the first time after
 * the interval, until the owner is unreachable or the worker is stopped; whether or not anything
 * holds the worker. Ticks never overlap; one that takes longer than the interval is followed by the
 * next at once, and no tick is made up for. tick runs under no lock of the library and may call it;
 * it must not be left by longjmp, pthread_exit or an exception. A worker of static data runs until
 * it is stopped. The thread ends after the cleanups' executor has come to the owner: with 0 cleanup
 * threads, after somebody drained them. It takes no signals of the program's.
 *
 *   owner         points to a collected object, or inside it; or to static data
 *   state         what tick gets; may be NULL. If it reaches the owner (or is the owner), the
 *                 owner never dies, and the debug switch says so: give it what both share
 *   interval_ms   in milliseconds; not 0
 *
 * Returns: the worker, which need not be kept; or NULL with errno.
 * Errors: EINVAL if owner or tick is NULL, interval_ms is 0, or owner is neither collected nor
 * static (a stack, malloc); EAGAIN if the system has no room for a thread; ENOMEM.
 * Threads: safe beside every other call; tick runs in a thread of its own.
 * Keeps alive: state, until the worker ends.
 * Does not keep alive: the owner, the worker itself.
 * Source: runtime.AddCleanup and time.NewTicker of Go.
 */
HAPAX_API hapax_worker *hapax_worker_start(void *owner, void (*tick)(void *state), void *state,
                                           unsigned interval_ms);

/*
 * Ends a worker: no tick begins any more, and none runs when it returns. From inside the worker's
 * own tick it returns at once, and that tick is the last. Again is harmless, after the owner's
 * death too, and in the child of a fork, where the worker does not run. NULL is ignored. Two ticks
 * that stop each other's workers at the same time wait for each other for ever.
 *
 * Errors: none; errno is left alone.
 * Threads: safe beside every other call, for the same worker too.
 * Does not keep alive: state, from now on.
 * Source: time.Ticker.Stop of Go, and waiting for its goroutine.
 */
HAPAX_API void hapax_worker_stop(hapax_worker *worker);

HAPAX_END_DECLS

#endif
