/* SPDX-License-Identifier: MIT */
/*
 * hapax/weak.h - weak pointers.
 *
 * A weak pointer does not keep its object alive and tells whether it still lives. It is one word;
 * == compares what two were made from: same object, same offset. It keeps this identity after the
 * object is gone, and a new object at the same address is unequal. NULL is the zero value.
 *
 * A weak pointer is itself collected memory: hold it where the collector looks.
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
 * The weak pointer of an address. Any address inside an object will do, each offset has a weak
 * pointer of its own, and the same address always gives the same one while the object lives. NULL
 * gives the zero value. Static data never dies, and its weak pointers never turn NULL.
 *
 * Returns: the weak pointer; NULL for NULL; NULL with errno on failure.
 * Errors: ENOMEM; EINVAL if pointer is neither collected nor static (a stack, malloc). errno
 * is left alone otherwise.
 * Threads: safe beside every other call, for the same object too.
 * Keeps alive: the weak pointer's identity, while something holds it.
 * Does not keep alive: the object.
 * Source: weak.Make of Go.
 */
HAPAX_API hapax_weak hapax_weak_make(const void *pointer);

/*
 * The pointer it was made from, as a strong one, or NULL once the object is unreachable. Never
 * brings a dead object back. An object that waits for a finalizer of hapax yields NULL, and
 * stays so if the finalizer resurrects it; one that a foreign finalizer of the collector
 * brings back is alive as if nothing had been.
 *
 * Returns: the pointer; NULL if the object is gone, and for the zero value; errno is left
 * alone.
 * Errors: ENOMEM, with NULL, if the thread is new to the collector and cannot be made known.
 * One that has called hapax_init never sees this: its NULL always means that the object is gone.
 * Threads: safe beside every other call; takes no lock, and waits only if a collection has not
 * settled this very object yet.
 * Keeps alive: the returned pointer keeps the object alive as every strong pointer does.
 * Does not keep alive: anything.
 * Source: weak.Pointer.Value of Go.
 */
HAPAX_API void *hapax_weak_value(hapax_weak weak);

HAPAX_END_DECLS

#endif
