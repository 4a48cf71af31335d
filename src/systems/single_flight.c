/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "systems/single_flight.h"

#include "base/park.h"

#include <pthread.h>
#include <string.h>

/* One for each thread: a thread waits for one flight at a time, and may lead several, one inside the other. */
struct participant {
    struct single_flight *waits_for;   /* under the lock */
};
static _Thread_local struct participant me;

/* On the stack of a thread that waits: the collector sees the value there. */
struct waiter {
    struct waiter *next;
    pthread_cond_t landed;
    bool done;
    void *value;
    int error;
};

/* Protects all flights and the threads that wait for them. Held for a walk over the flights: as many as threads create.
 * Nothing is allocated, and nobody called, meanwhile. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct single_flight *flights;

static struct single_flight *find(const struct single_flight *wanted)
{
    for (struct single_flight *flight = flights; flight != NULL; flight = flight->next)
        if (flight->hash == wanted->hash && flight->cache == wanted->cache && flight->size == wanted->size &&
            (flight->size == 0 || memcmp(flight->key, wanted->key, flight->size) == 0))
            return flight;
    return NULL;
}

/* Whether this flight lands only after something that the caller leads. Ends, since no circle was ever closed. */
static bool depends_on_me(const struct single_flight *flight)
{
    while (flight != NULL && flight->leader != &me)
        flight = flight->leader->waits_for;
    return flight != NULL;
}

static void wait_for(struct single_flight *flight, void **value, int *error)
{
    struct waiter waiter = {.next = flight->waiters, .landed = PTHREAD_COND_INITIALIZER};
    flight->waiters = &waiter;
    me.waits_for = flight;
    while (!waiter.done)
        park(&waiter.landed, &lock);
    me.waits_for = NULL;
    *value = waiter.value;
    *error = waiter.error;
    pthread_cond_destroy(&waiter.landed);
}

enum single_flight_outcome single_flight_join(struct single_flight *flight, void **value, int *error)
{
    enum single_flight_outcome outcome = SINGLE_FLIGHT_LEADS;
    pthread_mutex_lock(&lock);
    struct single_flight *other = find(flight);
    if (other == NULL) {
        flight->next = flights;
        flight->leader = &me;
        flight->waiters = NULL;
        flights = flight;
    } else if (depends_on_me(other)) {
        outcome = SINGLE_FLIGHT_CIRCLE;
    } else {
        wait_for(other, value, error);
        outcome = SINGLE_FLIGHT_FINISHED;
    }
    pthread_mutex_unlock(&lock);
    return outcome;
}

void single_flight_finish(struct single_flight *flight, void *value, int error)
{
    pthread_mutex_lock(&lock);
    struct single_flight **at = &flights;
    while (*at != flight)
        at = &(*at)->next;
    *at = flight->next;
    for (struct waiter *waiter = flight->waiters, *next; waiter != NULL; waiter = next) {
        next = waiter->next;
        waiter->value = value;
        waiter->error = error;
        waiter->done = true;
        pthread_cond_signal(&waiter->landed);
    }
    pthread_mutex_unlock(&lock);
}

void single_flight_fork_prepare(void)
{
    pthread_mutex_lock(&lock);
}

void single_flight_fork_parent(void)
{
    pthread_mutex_unlock(&lock);
}

void single_flight_fork_child(void)
{
    for (struct single_flight **at = &flights; *at != NULL;) {
        if ((*at)->leader != &me) {
            *at = (*at)->next;
        } else {
            (*at)->waiters = NULL;
            at = &(*at)->next;
        }
    }
    pthread_mutex_unlock(&lock);
}
