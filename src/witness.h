/* HAPAX_DEBUG=cleanups: finds objects that never die because the argument of their own cleanup or finalizer reaches them,
 * and finalizers that never run because their objects form a cycle.
 *
 * While the switch is on, a record of a cleanup or finalizer stores a witness in place of its argument. Witnesses are
 * not searched by the collector: when marking has ended, the library marks the arguments itself, and so it can tell what
 * they alone keep alive. Nothing else differs. */
#ifndef HAPAX_WITNESS_H
#define HAPAX_WITNESS_H

#include "sync.h"

enum witness_kind { WITNESS_OF_CLEANUP, WITNESS_OF_FINALIZER };

/* Set at the library's start, before there is any record. */
extern bool witness_on;

void *witness_new(enum witness_kind kind, const void *base, void *argument, const void *caller);
void *witness_argument_of(const void *witness);
void witness_free(void *witness);

/* What a record of this object stores for its argument. Where it is to be freed, witness_drop. The caller is where the
 * public function was called from. False with ENOMEM. */
static inline bool witness_store(void **stored, enum witness_kind kind, const void *base, void *argument,
                                 const void *caller)
{
    *stored = unlikely(witness_on) ? witness_new(kind, base, argument, caller) : argument;
    return likely(!witness_on) || *stored != NULL;
}

static inline void *witness_argument(void *stored)
{
    return unlikely(witness_on) && stored != NULL ? witness_argument_of(stored) : stored;
}

/* The caller owns nothing. */
static inline void witness_drop(void *stored)
{
    if (unlikely(witness_on) && stored != NULL)
        witness_free(stored);
}

/* mark_end, after the values of weak maps were marked and before the finalizers; reclaim_end. */
void witness_mark_end(void);
void witness_reclaim_end(void);

#endif
