/* SPDX-License-Identifier: MIT */
/*
 * hapax/weak.h - weak pointers.
 *
 * A weak pointer does not keep its object alive, and tells whether the object
 * is still alive. It is one word. Two weak pointers are equal (==) if and only
 * if they were made from the same address of the same object, also after the
 * object has died. A new object at the same address has another weak pointer.
 * NULL is the zero value.
 *
 * A weak pointer is itself collected memory: store it where the collector
 * searches.
 *
 * Source of the semantics: Go's package weak.
 */
#ifndef HAPAX_WEAK_H
#define HAPAX_WEAK_H

#include <hapax/export.h>

HAPAX_BEGIN_DECLS

/* Opaque; NULL is the zero value. */
typedef struct hapax_weak_cell *hapax_weak;

/*
 * Returns the weak pointer of an address: of an object, or of any byte inside
 * it. Each offset in an object has a weak pointer of its own. While the object
 * lives, the same address always gives the same weak pointer. NULL gives the
 * zero value. Static data never dies, and its weak pointers never become NULL.
 *
 * Returns: the weak pointer; NULL for NULL; NULL with errno on failure.
 * Errors: ENOMEM; EINVAL if pointer is neither collected nor static (a stack,
 * malloc). errno is left alone otherwise.
 * Threads: safe beside every other call, for the same object too.
 * Keeps alive: the weak pointer's identity, while something reaches the weak
 * pointer.
 * Does not keep alive: the object.
 * Source: weak.Make of Go.
 */
HAPAX_API hapax_weak hapax_weak_make(const void *pointer);

/*
 * Returns the pointer that the weak pointer was made from, as a strong one, or
 * NULL once the object is unreachable. The call never brings a dead object
 * back. While an object waits for its finalizer of hapax, the result is NULL,
 * and it stays NULL if the finalizer resurrects the object. If a finalizer that
 * was set with the collector's own functions brings the object back, the weak
 * pointer gives it as before.
 *
 * Returns: the pointer; NULL if the object is gone, and for the zero value;
 * errno is left alone.
 * Errors: NULL with ENOMEM if the thread is new to the collector and cannot be
 * made known. In a thread that has called hapax_init this cannot happen: NULL
 * always means that the object is gone.
 * Threads: safe beside every other call. Takes no lock, and waits only if a
 * collection has not yet decided on this very object.
 * Keeps alive: the returned pointer keeps the object alive as every strong
 * pointer does.
 * Does not keep alive: anything else.
 * Source: weak.Pointer.Value of Go.
 */
HAPAX_API void *hapax_weak_value(hapax_weak weak);

HAPAX_END_DECLS

#endif
