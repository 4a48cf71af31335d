/* SPDX-License-Identifier: MIT */
/*
 * hapax/cleanup.h - functions that run some time after an object has died.
 *
 * A cleanup gets an argument that is not the object, so the object's memory comes back in the
 * collection that found it dead, cycles of objects die too, and any number of cleanups can hang
 * on one object. They run in no promised order, by default on a thread of the library, outside
 * all locks, never inside a call that allocates.
 *
 * Cleanups and finalizers share one queue and its executors. The functions may call the library;
 * they must not be left by longjmp, pthread_exit or an exception.
 *
 * After fork both processes have every cleanup registered before it, and both run it: one that
 * removes a file has to know whose it is. A fork waits a moment for cleanups that are running in
 * other threads to end; one that takes longer goes on in the parent, and is begun anew in the
 * child.
 *
 * Source of the semantics: Go's runtime.AddCleanup and Cleanup.Stop, Go 1.25 and later.
 */
#ifndef HAPAX_CLEANUP_H
#define HAPAX_CLEANUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/* Names one cleanup, for hapax_cleanup_stop. All zero: none. The fields are the library's. */
typedef struct hapax_cleanup {
    uint64_t id;
    void *record;
} hapax_cleanup;

/*
 * Has fn(arg) called once, some time after the object is unreachable. On an object that also has
 * a finalizer the cleanup waits until it has been finalized and dies for good. For static data,
 * which never dies, it succeeds and does nothing; *out is then the zero value.
 *
 *   pointer   to the object, or inside it
 *   fn        what to call
 *   arg       what with; may be NULL. If it reaches the object by way of other memory, the
 *             object never dies and fn never runs
 *   out       receives the cleanup's name; may be NULL
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if pointer or fn is NULL, arg equals pointer or points into its object, or
 * pointer is neither collected nor static (a stack, malloc); ENOMEM, also if the system has no
 * room for the library's first thread. On failure *out is the zero value.
 * Threads: safe beside every other call, for the same object too.
 * Keeps alive: arg, until fn ran or the cleanup was stopped.
 * Does not keep alive: the object.
 * Source: runtime.AddCleanup of Go.
 */
HAPAX_API int hapax_add_cleanup(const void *pointer, void (*fn)(void *arg), void *arg,
                                hapax_cleanup *out);

/*
 * Removes this cleanup, and no other, unless it has begun. Never waits: one that has begun goes on.
 * Harmless on the zero value, again, after it ran, and from inside it.
 *
 * Errors: none.
 * Threads: safe beside every other call.
 * Keeps alive: nothing. Does not keep alive: arg, from now on.
 * Source: Cleanup.Stop of Go.
 */
HAPAX_API void hapax_cleanup_stop(hapax_cleanup cleanup);

/*
 * How many threads of the library run cleanups and finalizers; one by default. With 0 nothing of
 * the user's runs until a thread calls hapax_run_cleanups; evictions from tables go on. With
 * fewer than before it returns when those it takes away are idle; it does not wait for its own
 * caller.
 *
 * Returns: 0, or -1 with errno.
 * Errors: EAGAIN if the system has no room for a thread; ENOMEM.
 * Threads: safe beside every other call.
 * Keeps alive: nothing.
 * Source: Go's parallel cleanups of 1.25; manual draining is hapax's own.
 */
HAPAX_API int hapax_set_cleanup_threads(unsigned n);

/*
 * Runs, in this thread, the cleanups and finalizers that were queued before the call. It does not
 * collect, and leaves what is queued meanwhile to the next call.
 *
 * Returns: how many it ran. Errors: none.
 * Threads: safe beside every other call, itself and the library's threads too: each runs once.
 * Keeps alive: arg of each until it has run.
 * Source: hapax's own; Go has no manual draining.
 */
HAPAX_API size_t hapax_run_cleanups(void);

/*
 * Waits until everything that was queued before the call has run. It does not collect: call
 * hapax_collect first. Inside a cleanup it does not wait for that one. With 0 threads and
 * something queued it waits for others to drain.
 *
 *   milliseconds   how long to wait at most; 0 only asks
 *
 * Returns: true once all has run; false if the time was over first. Errors: none.
 * Threads: safe beside every other call.
 * Keeps alive: nothing.
 * Source: hapax's own; Go's tests have runtime.BlockUntilEmptyCleanupQueue.
 */
HAPAX_API bool hapax_wait_cleanups(unsigned milliseconds);

HAPAX_END_DECLS

#endif
