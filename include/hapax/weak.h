/* SPDX-License-Identifier: MIT */
/*
 * hapax/weak.h - weak pointers.
 *
 * A weak pointer does not keep its object alive, and tells whether the object
 * is still alive. It is one word. Two weak pointers are equal (==) if and only
 * if they were made from the same address of the same object, even after the
 * object has died. A new object at the same address has another weak pointer.
 * NULL is the zero value.
 *
 * A weak pointer is itself a collected object: store it in memory that the
 * collector searches.
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
 * lives, equal addresses have equal weak pointers. NULL has the zero value.
 * Static data never dies, so its weak pointers never become NULL.
 *
 * Returns: the weak pointer; NULL for NULL; NULL with errno on failure.
 * Errors: ENOMEM; EINVAL if pointer is neither collected nor static (a stack,
 * malloc). errno is unchanged otherwise.
 * Threads: any thread may call it at any time, even while others use the same
 * object.
 * Keeps alive: nothing. The identity of a weak pointer lasts as long as
 * something reaches the weak pointer.
 * Does not keep alive: the object.
 * Source: weak.Make of Go.
 */
HAPAX_API hapax_weak hapax_weak_make(const void *pointer);

/*
 * Returns the pointer that the weak pointer was made from, as a strong one, or
 * NULL once the object is unreachable. The call never brings a dead object
 * back. If the object waits for a finalizer of hapax_set_finalizer, the result
 * is NULL, and stays NULL even if the finalizer resurrects the object. If a
 * finalizer of the collector itself brings the object back, the call returns
 * the object again.
 *
 * Returns: the pointer; NULL if the object is gone, and for the zero value;
 * errno is unchanged.
 * Errors: NULL with ENOMEM if the library cannot register the thread with the
 * collector. In a thread that has called hapax_init this cannot happen: NULL
 * always means that the object is gone.
 * Threads: any thread may call it at any time. Takes no lock. Waits only if a
 * running collection has not yet decided whether the object is alive.
 * Keeps alive: the returned pointer keeps the object alive, as every strong
 * pointer does.
 * Source: weak.Pointer.Value of Go.
 */
HAPAX_API void *hapax_weak_value(hapax_weak weak);

HAPAX_END_DECLS

#endif
