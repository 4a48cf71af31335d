/* SPDX-License-Identifier: MIT */
/*
 * hapax/worker.h - a background thread that ends when its owner dies.
 *
 * For example, a cache needs a thread that removes old entries, or a client
 * needs a thread that flushes its buffer. Such a thread works on the state of
 * its owner, and must end when the owner dies, although nobody calls a close
 * function. A worker keeps only the state alive. Once the owner is unreachable,
 * the thread of the worker ends.
 *
 * After fork, a worker goes on in the parent and does not run in the child. If
 * the child needs workers, it starts its own. If a tick itself forks and then
 * returns in the child, the child ends with _exit(0).
 *
 * Source of the semantics: runtime.AddCleanup of Go on the owner, stopping a
 * goroutine with a time.Ticker.
 */
#ifndef HAPAX_WORKER_H
#define HAPAX_WORKER_H

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

typedef struct hapax_worker hapax_worker;

/*
 * Starts a thread that calls tick(state) every interval_ms milliseconds, for
 * the first time after the interval. It does so until the owner is unreachable
 * or you stop the worker, even if nothing reaches the worker itself.
 *
 * Two ticks never overlap. If a tick takes longer than the interval, the next
 * one follows at once, and the library skips the ticks that were missed. The
 * library holds no lock while tick runs, so tick may call the library. It must
 * not leave the call by longjmp, pthread_exit or an exception. The thread
 * blocks the signals of the program.
 *
 * If the owner is static data, the worker runs until you stop it. When the
 * owner dies, a cleanup ends the worker. With 0 cleanup threads, this happens
 * when a thread calls hapax_run_cleanups.
 *
 *   owner         points to a collected object, into one, or to static data
 *   state         the argument of tick; may be NULL. If it reaches the owner or
 *                 is the owner, the owner never dies, and HAPAX_DEBUG=cleanups
 *                 reports it. Pass an object that the owner and the worker
 *                 share
 *   interval_ms   in milliseconds; not 0
 *
 * Returns: the worker, which you need not store; or NULL with errno.
 * Errors: EINVAL if owner or tick is NULL, if interval_ms is 0, or if owner is
 * neither collected nor static (a stack, malloc); EAGAIN if the system cannot
 * create a thread; ENOMEM.
 * Threads: any thread may call it at any time. tick runs in a thread of its
 * own.
 * Keeps alive: state, until the worker ends.
 * Does not keep alive: the owner, the worker itself.
 * Source: runtime.AddCleanup and time.NewTicker of Go.
 */
HAPAX_API hapax_worker *hapax_worker_start(void *owner,
                                           void (*tick)(void *state),
                                           void *state, unsigned interval_ms);

/*
 * Ends a worker. When the call returns, no tick runs, and none will begin. If
 * the worker's own tick makes the call, it returns at once, and that tick is
 * the last. You may stop a worker twice, after its owner's death, and in the
 * child of a fork, in which it does not run. The call ignores NULL. If the
 * ticks of two workers stop each other at the same time, they wait for ever.
 *
 * Errors: none; errno is unchanged.
 * Threads: any thread may call it at any time, even while others use the same
 * worker.
 * Keeps alive: nothing.
 * Does not keep alive: state, after the call.
 * Source: time.Ticker.Stop of Go, and waiting for its goroutine.
 */
HAPAX_API void hapax_worker_stop(hapax_worker *worker);

HAPAX_END_DECLS

#endif
