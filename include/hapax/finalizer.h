/* SPDX-License-Identifier: MIT */
/*
 * hapax/finalizer.h - finalizers, and keeping an object reachable.
 *
 * A finalizer gets the object itself, so the object outlives its death by one collection, and so
 * does all that it reaches. Prefer hapax_add_cleanup.
 *
 * Source of the semantics: Go's runtime.SetFinalizer and runtime.KeepAlive.
 */
#ifndef HAPAX_FINALIZER_H
#define HAPAX_FINALIZER_H

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/*
 * Has fn(object, arg) called once, some time after object is unreachable. Weak pointers to object
 * are NULL before fn runs and stay so; what object reaches stays alive, and its handles
 * canonical, until fn has run. fn may store object somewhere and so resurrect it, and may set a
 * finalizer anew: the old one is gone before fn begins. If object A reaches B and both have
 * finalizers, A's runs first; those of a cycle of two or more objects never run. They run on the
 * executors of the cleanups, under the same rules.
 *
 *   object   the first byte of a collected object; static data is accepted, and never dies
 *   fn       what to call; NULL removes the finalizer, if there is one
 *   arg      what with; may be NULL. If it reaches object, object never dies and fn never runs
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if object is NULL, not the first byte of its object, a handle, or neither
 * collected nor static (a stack, malloc); EEXIST if it has a finalizer already; ENOMEM.
 * Threads: safe beside every other call, for the same object too.
 * Keeps alive: arg, until fn ran or was removed; once object is unreachable, object and all it
 * reaches, until fn has run. Does not keep alive: object, before that.
 * Source: runtime.SetFinalizer of Go.
 */
HAPAX_API int hapax_set_finalizer(void *object, void (*fn)(void *object, void *arg), void *arg);

/*
 * Does nothing, but object is reachable up to this call, whatever the optimizer does: an object
 * whose cleanup closes what the caller still uses is kept until here.
 *
 *   pointer   any; NULL too
 *
 * Errors: none; errno is left alone.
 * Threads: safe beside every other call. Does not register the thread.
 * Keeps alive: the object that pointer points to, up to the call. Does not keep alive: it, after
 * it.
 * Source: runtime.KeepAlive of Go.
 */
HAPAX_API void hapax_keep_alive(const void *pointer);

HAPAX_END_DECLS

#endif
