/* SPDX-License-Identifier: MIT */
/* The argument of a cleanup or finalizer, as its record stores it: the argument itself, or a proxy that an observer
 * puts in its place.
 *
 * An observer is set at the library's start, before there is any record, and stays. It is a matter of debugging:
 * without one, all of this is the argument and nothing else. */
#ifndef HAPAX_ARGUMENT_H
#define HAPAX_ARGUMENT_H

#include "base/sync.h"

#include <stdbool.h>
#include <stddef.h>

enum argument_owner { ARGUMENT_OF_CLEANUP, ARGUMENT_OF_FINALIZER };

struct argument_observer {
    /* The proxy for the argument of a record for the object with this base; the public function was called from
     * `caller`. NULL with ENOMEM. */
    void *(*proxy)(enum argument_owner owner, const void *base, void *argument, const void *caller);
    void *(*argument)(const void *proxy);
    /* The record is free. The caller owns nothing. */
    void (*drop)(void *proxy);
};

/* NULL: nobody observes. Defined in cleanup.c. */
extern const struct argument_observer *argument_observer;

/* Fills in what the record stores, which argument_drop takes back. False with ENOMEM. */
static inline bool argument_store(void **stored, enum argument_owner owner, const void *base, void *argument,
                                  const void *caller)
{
    *stored = argument;
    if (likely(argument_observer == NULL))
        return true;
    *stored = argument_observer->proxy(owner, base, argument, caller);
    return *stored != NULL;
}

static inline void *argument_of(void *stored)
{
    return unlikely(argument_observer != NULL) && stored != NULL ? argument_observer->argument(stored) : stored;
}

/* The caller owns nothing. */
static inline void argument_drop(void *stored)
{
    if (unlikely(argument_observer != NULL) && stored != NULL)
        argument_observer->drop(stored);
}

#endif
