/* SPDX-License-Identifier: MIT */
/*
 * hapax/cleanup.h - functions that run some time after an object has died.
 *
 * A cleanup gets an argument that is not the object. So the collection that
 * finds the object dead frees its memory at once, objects in a cycle die too,
 * and an object may have any number of cleanups. Cleanups run in no particular
 * order, by default on a thread of the library. The library holds no lock while
 * a cleanup runs, and never runs one inside a call that allocates.
 *
 * Cleanups and finalizers wait in one queue, and the same threads run them. The
 * functions may call the library. They must not leave the call by longjmp,
 * pthread_exit or an exception.
 *
 * After fork both processes have every cleanup that was registered before, and
 * both run it: a cleanup that removes a file must know which process owns the
 * file. fork waits a moment for cleanups that are running in other threads. If
 * one takes longer, it goes on in the parent, and runs again from its beginning
 * in the child.
 *
 * Source of the semantics: Go's runtime.AddCleanup and Cleanup.Stop, Go 1.25
 * and later.
 */
#ifndef HAPAX_CLEANUP_H
#define HAPAX_CLEANUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/* Identifies one cleanup for hapax_cleanup_stop. All zero means none. Only the
   library uses the fields. */
typedef struct hapax_cleanup {
    uint64_t id;
    void *record;
} hapax_cleanup;

/*
 * Registers a cleanup: the library calls fn(arg) once, some time after the
 * object is unreachable. If the object also has a finalizer, the cleanup waits
 * until the finalizer has run and the object has died for good. Static data
 * never dies: for it the call succeeds and does nothing, and *out is all zero.
 *
 *   pointer   to the object, or inside it
 *   fn        the function to call
 *   arg       its argument; may be NULL. If arg reaches the object through
 *             other memory, the object never dies and fn never runs
 *   out       receives the cleanup's identity; may be NULL
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if pointer or fn is NULL, if arg equals pointer or points into
 * its object, or if pointer is neither collected nor static (a stack, malloc);
 * ENOMEM, also if the system cannot create the library's first thread. On
 * failure *out is all zero.
 * Threads: any thread may call it at any time, even while others use the same
 * object.
 * Keeps alive: arg, until fn has run or the cleanup is stopped.
 * Does not keep alive: the object.
 * Source: runtime.AddCleanup of Go.
 */
HAPAX_API int hapax_add_cleanup(const void *pointer, void (*fn)(void *arg),
                                void *arg, hapax_cleanup *out);

/*
 * Removes one cleanup, unless it has begun. The call never waits: a cleanup
 * that has begun goes on. You may stop a cleanup twice, after it has run, and
 * from inside it; the zero value is ignored.
 *
 * Errors: none.
 * Threads: any thread may call it at any time.
 * Keeps alive: nothing.
 * Does not keep alive: arg, after the call.
 * Source: Cleanup.Stop of Go.
 */
HAPAX_API void hapax_cleanup_stop(hapax_cleanup cleanup);

/*
 * Sets how many threads of the library run cleanups and finalizers. The default
 * is one. With 0, no cleanup and no finalizer runs until a thread calls
 * hapax_run_cleanups; tables still evict dead values. If n is smaller than
 * before, the call waits until the threads that it removes are idle. It does
 * not wait for the thread that calls it.
 *
 *   n   how many threads
 *
 * Returns: 0, or -1 with errno.
 * Errors: EAGAIN if the system cannot create a thread; ENOMEM.
 * Threads: any thread may call it at any time.
 * Keeps alive: nothing.
 * Source: Go's parallel cleanups of 1.25; running them by hand is hapax's own.
 */
HAPAX_API int hapax_set_cleanup_threads(unsigned n);

/*
 * Runs, in the calling thread, the cleanups and finalizers that were queued
 * before the call. It leaves to the next call what is queued meanwhile. It does
 * not collect.
 *
 * Returns: how many it ran.
 * Errors: none.
 * Threads: any thread may call it at any time, even while other threads run
 * cleanups: each cleanup runs once.
 * Keeps alive: the argument of each cleanup until it has run.
 * Source: hapax's own; in Go a program cannot run cleanups by hand.
 */
HAPAX_API size_t hapax_run_cleanups(void);

/*
 * Waits until everything that was queued before the call has run. The call does
 * not collect: call hapax_collect first. Inside a cleanup it does not wait for
 * that cleanup. With 0 cleanup threads it waits until other threads have run
 * what is queued.
 *
 *   milliseconds   how long to wait at most; 0 does not wait
 *
 * Returns: true if everything has run; false if the time ended first.
 * Errors: none.
 * Threads: any thread may call it at any time.
 * Keeps alive: nothing.
 * Source: hapax's own; Go's tests have runtime.BlockUntilEmptyCleanupQueue.
 */
HAPAX_API bool hapax_wait_cleanups(unsigned milliseconds);

HAPAX_END_DECLS

#endif
