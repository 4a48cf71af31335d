/* SPDX-License-Identifier: MIT */
/*
 * hapax/finalizer.h - finalizers, and keeping an object reachable.
 *
 * A finalizer gets the object itself. So the object, and all that it reaches,
 * stays in memory for at least one more collection. Use hapax_add_cleanup if
 * you can.
 *
 * Source of the semantics: Go's runtime.SetFinalizer and runtime.KeepAlive.
 */
#ifndef HAPAX_FINALIZER_H
#define HAPAX_FINALIZER_H

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/*
 * Sets the finalizer of an object: the library calls fn(object, arg) once, some
 * time after the object is unreachable. Weak pointers to the object are NULL
 * before fn runs, and stay NULL. Everything that the object reaches stays alive
 * until fn has run, and handles that it reaches stay canonical. fn may store
 * the object somewhere and so resurrect it. fn may also set a finalizer again,
 * because the library removes the old one before it calls fn.
 *
 * If object A reaches object B and both have finalizers, A's runs first.
 * Finalizers of objects in a cycle of two or more objects never run. The
 * threads that run cleanups also run finalizers, under the same rules.
 *
 *   object   the first byte of a collected object, or static data, which never
 *            dies
 *   fn       the function to call; NULL removes the finalizer, if there is one
 *   arg      its second argument; may be NULL. If arg reaches object, object
 *            never dies and fn never runs
 *
 * Returns: 0, or -1 with errno.
 * Errors: EINVAL if object is NULL, not the first byte of its object, a handle,
 * or neither collected nor static (a stack, malloc); EEXIST if it has a
 * finalizer already; ENOMEM.
 * Threads: any thread may call it at any time, even while others use the same
 * object.
 * Keeps alive: arg, until fn has run or was removed; object and everything that
 * it reaches, from the time when object is unreachable until fn has run.
 * Does not keep alive: object, before it is unreachable.
 * Source: runtime.SetFinalizer of Go.
 */
HAPAX_API int hapax_set_finalizer(void *object,
                                  void (*fn)(void *object, void *arg),
                                  void *arg);

/*
 * Keeps an object reachable up to this call, whatever the optimizer does. The
 * call itself does nothing. Use it if a cleanup or a finalizer of the object
 * closes something that you still use after your last use of the pointer.
 *
 *   pointer   any; NULL too
 *
 * Errors: none; errno is unchanged.
 * Threads: any thread may call it at any time. Registers its thread
 * (hapax_init).
 * Keeps alive: the object that pointer points to, up to the call.
 * Does not keep alive: the object, after the call.
 * Source: runtime.KeepAlive of Go.
 */
HAPAX_API void hapax_keep_alive(const void *pointer);

HAPAX_END_DECLS

#endif
