/* Creations under way: for each key of each cache at most one, whose result all who want it share.
 *
 * Whoever joins first leads: it creates and lands, owning nothing meanwhile. Who joins until then waits, and is handed the
 * result. Flights and those who wait stand on the stacks of their threads, so nothing is allocated, and what a waiter is
 * handed is held from the moment it is handed over. */
#ifndef HAPAX_FLIGHT_H
#define HAPAX_FLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct traveller;
struct waiter;

struct flight {
    const void *cache;
    const void *key;
    size_t size;
    uint64_t hash;
    /* The flight's own. */
    struct flight *next;
    struct traveller *leader;
    struct waiter *waiters;
};

enum flight_outcome {
    FLIGHT_LEADS,       /* the caller creates, and then calls flight_land */
    FLIGHT_LANDED,      /* somebody else did; *value and *error are filled in */
    FLIGHT_CIRCLE,      /* waiting would never end: the leader waits for the caller, or is the caller */
};

/* The caller has filled in what and where. The flight stays where it is until it has landed. The caller owns nothing. */
enum flight_outcome flight_join(struct flight *flight, void **value, int *error);

/* Hands the result to all who wait. The caller holds the value. */
void flight_land(struct flight *flight, void *value, int error);

void flight_fork_prepare(void);
void flight_fork_parent(void);
/* Those who led or waited in other threads are gone. */
void flight_fork_child(void);

#endif
