/* Ephemerons: what a collection does with the values of weak maps.
 *
 * A value is marked exactly where its map and its key are. Marking a value may reach further keys and maps, so this goes
 * on until nothing new comes: an entry whose key is not marked, and a map that is not, waits under that object's
 * address, and our own marker asks, for each object that it marks, who waits for it. Each entry waits once and is
 * woken once, so long chains stay linear.
 *
 * bdwgc 8.3 has a callback for this, GC_set_on_mark_stack_empty. It is not called where marking is parallel, which it is
 * wherever there are several processors; and it does not tell what was marked since the last call, so each would have to
 * look at every entry, and a chain would take a call for each link. So values are marked when marking has ended, with
 * every version. */
#ifndef HAPAX_EPHEMERON_H
#define HAPAX_EPHEMERON_H

#include <stdbool.h>
#include <stdint.h>

/* Part of an entry or of a map. */
struct waiter {
    struct waiter *next;        /* inside a collection only */
    uintptr_t base;             /* the object that is waited for; WAITER_IS_MAP */
};
#define WAITER_IS_MAP ((uintptr_t)1)
#define WAITER_HAS_ARGUMENT ((uintptr_t)2)
#define WAITER_FLAGS ((uintptr_t)3)

/* Something else that lives as long as an object does. */
struct waiting_argument {
    struct waiter waiter;       /* .base has WAITER_HAS_ARGUMENT */
    void *argument;
};
/* How many of them there are, more or less. */
extern uint64_t ephemeron_arguments;

/* Reserves what a collection needs; the first call counts. False with ENOMEM. */
bool ephemeron_prepare(void);

/* mark_end, before anything else asks what is marked: marks the values of living entries. */
void ephemeron_mark_end(void);

/* From then until reclaim_end. The waiter's object is not marked. */
void ephemeron_wait(struct waiter *waiter);
/* Marks all that is reached from what our marker was given. */
void ephemeron_drain(void);
/* The object lives on, though it may not be marked: what waits for it is marked, with all it reaches. */
void ephemeron_wake(const void *base);
/* Whether anything still waits. */
bool ephemeron_waits(void);

/* A foreign finalizer is about to get this object. */
void ephemeron_brought_back(const void *object);

void ephemeron_reclaim_end(void);

#endif
