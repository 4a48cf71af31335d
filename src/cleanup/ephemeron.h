/* SPDX-License-Identifier: MIT */
/* Ephemerons: what a collection marks only once it has marked something else, as the value of a weak map's entry once
 * it has marked the map and the key.
 *
 * Whatever waits for an unmarked object stands, as a struct waiter, in a hash table under that object's address. For
 * each object that our own marker marks, it looks there and wakes what waits. What is woken marks further objects, and
 * so on until nothing new comes. Each waiter waits once and is woken once, so the work is linear in the length of a
 * chain.
 *
 * The floors above decide what waits: each kind of waiter has a function that is called when one is woken.
 *
 * bdwgc 8.3 has a callback for this, GC_set_on_mark_stack_empty. It is not called where marking is parallel, which it
 * is wherever there are several processors; and it does not tell what was marked since the last call, so each would
 * have to look at every entry, and a chain would take a call for each link. So values are marked when marking has
 * ended, with every version. */
#ifndef HAPAX_EPHEMERON_H
#define HAPAX_EPHEMERON_H

#include <stdbool.h>
#include <stdint.h>

/* Part of whatever waits. */
struct waiter {
    struct waiter *next;        /* inside a collection only */
    uintptr_t base;             /* the object that is waited for, and in the low bits the waiter's kind */
};
enum { WAITER_KINDS = 4 };
#define WAITER_KIND ((uintptr_t)WAITER_KINDS - 1)

/* The library's start: the kind of waiters with this function, which marks what waited, or looks into it. */
uintptr_t ephemeron_kind(void (*woken)(struct waiter *waiter));

/* Makes what a collection needs; the first call counts. False with ENOMEM. */
bool ephemeron_prepare(void);

/* mark_end, before anything waits: about so many will. False if nothing was ever prepared. */
bool ephemeron_mark_begin(uint64_t expected);

/* From then until reclaim_end. The waiter's object is not marked. */
void ephemeron_wait(struct waiter *waiter);
/* Marks all that is reached from what our marker was given. */
void ephemeron_drain(void);
/* Of a waiter that is woken: what it points to is marked, with all it reaches. */
void ephemeron_mark(void *value);
/* From now on calls the function for each such value, marked already or not. NULL: nobody listens. */
void ephemeron_listen(void (*marked)(void *value));

/* What waits for this object, which is marked, is woken by the next ephemeron_drain. */
void ephemeron_notice(const void *base);
/* The object lives on, though it may not be marked: what waits for it is marked, with all it reaches. */
void ephemeron_wake(const void *base);
/* Whether anything still waits. */
bool ephemeron_waits(void);
/* The collector itself has marked further objects: what waits for them is marked, with all it reaches. Looks at all
 * that waits. */
void ephemeron_wake_marked(void);
/* The same if a mark procedure of the program has marked objects; otherwise it does nothing. After the last
 * ephemeron_drain of the code that marks. */
void ephemeron_catch_up(void);

/* A foreign finalizer is about to get this object. */
void ephemeron_brought_back(const void *object);

void ephemeron_reclaim_end(void);

#endif
