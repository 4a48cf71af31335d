/* SPDX-License-Identifier: MIT */
/* Running creations: at most one for each key of each cache. All threads that want the key share its result.
 *
 * The thread that joins a flight first leads it: it creates the value and finishes the flight, and owns no lock
 * meanwhile. A thread that joins later waits, and gets the result. Flights and waiting threads are on the stacks of
 * their threads, so nothing is allocated. The value is held from the moment at which a waiting thread gets it. */
#ifndef HAPAX_SINGLE_FLIGHT_H
#define HAPAX_SINGLE_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct participant;
struct waiter;

struct single_flight {
    const void *cache;
    const void *key;
    size_t size;
    uint64_t hash;
    /* The flight's own. */
    struct single_flight *next;
    struct participant *leader;
    struct waiter *waiters;
};

enum single_flight_outcome {
    SINGLE_FLIGHT_LEADS,       /* the caller creates, and then calls single_flight_finish */
    SINGLE_FLIGHT_FINISHED,      /* somebody else did; *value and *error are filled in */
    SINGLE_FLIGHT_CIRCLE,      /* waiting would never end: the leader waits for the caller, or is the caller */
};

/* The caller has filled in what and where. The flight stays where it is until it has finished. The caller owns
 * nothing. */
enum single_flight_outcome single_flight_join(struct single_flight *flight, void **value, int *error);

/* Passes the result to all waiting threads. The caller holds the value. */
void single_flight_finish(struct single_flight *flight, void *value, int error);

void single_flight_fork_prepare(void);
void single_flight_fork_parent(void);
/* The other threads, which led or waited, are gone. */
void single_flight_fork_child(void);

#endif
