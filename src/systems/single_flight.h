/* SPDX-License-Identifier: MIT */
/* Creations under way: for each key of each cache at most one, whose result all who want it share.
 *
 * Whoever joins first leads: it creates and finishes, owning nothing meanwhile. Who joins until then waits, and is handed the
 * result. Flights and those who wait stand on the stacks of their threads, so nothing is allocated, and what a waiter is
 * handed is held from the moment it is handed over. */
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

/* The caller has filled in what and where. The flight stays where it is until it has finished. The caller owns nothing. */
enum single_flight_outcome single_flight_join(struct single_flight *flight, void **value, int *error);

/* Hands the result to all who wait. The caller holds the value. */
void single_flight_finish(struct single_flight *flight, void *value, int error);

void single_flight_fork_prepare(void);
void single_flight_fork_parent(void);
/* Those who led or waited in other threads are gone. */
void single_flight_fork_child(void);

#endif
