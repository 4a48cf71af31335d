#include "config.h"

#include "flight.h"

#include "park.h"

#include <pthread.h>
#include <string.h>

/* One for each thread: a thread waits for one flight at a time, and may lead several, one inside the other. */
struct traveller {
    struct flight *waits_for;   /* under the lock */
};
static _Thread_local struct traveller me;

/* On the stack of a thread that waits: the collector sees the value there. */
struct waiter {
    struct waiter *next;
    pthread_cond_t landed;
    bool done;
    void *value;
    int error;
};

/* Protects all flights and those who wait for them. Held for a walk over the flights: as many as threads create. Nothing
 * is allocated, and nobody called, meanwhile. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct flight *flights;

static struct flight *find(const struct flight *wanted)
{
    for (struct flight *flight = flights; flight != NULL; flight = flight->next)
        if (flight->hash == wanted->hash && flight->cache == wanted->cache && flight->size == wanted->size &&
            (flight->size == 0 || memcmp(flight->key, wanted->key, flight->size) == 0))
            return flight;
    return NULL;
}

/* Whether this flight lands only after something that the caller leads. Ends, since no circle was ever closed. */
static bool depends_on_me(const struct flight *flight)
{
    while (flight != NULL && flight->leader != &me)
        flight = flight->leader->waits_for;
    return flight != NULL;
}

static void wait_for(struct flight *flight, void **value, int *error)
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

enum flight_outcome flight_join(struct flight *flight, void **value, int *error)
{
    enum flight_outcome outcome = FLIGHT_LEADS;
    pthread_mutex_lock(&lock);
    struct flight *other = find(flight);
    if (other == NULL) {
        flight->next = flights;
        flight->leader = &me;
        flight->waiters = NULL;
        flights = flight;
    } else if (depends_on_me(other)) {
        outcome = FLIGHT_CIRCLE;
    } else {
        wait_for(other, value, error);
        outcome = FLIGHT_LANDED;
    }
    pthread_mutex_unlock(&lock);
    return outcome;
}

void flight_land(struct flight *flight, void *value, int error)
{
    pthread_mutex_lock(&lock);
    struct flight **at = &flights;
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

void flight_fork_prepare(void)
{
    pthread_mutex_lock(&lock);
}

void flight_fork_parent(void)
{
    pthread_mutex_unlock(&lock);
}

void flight_fork_child(void)
{
    for (struct flight **at = &flights; *at != NULL;) {
        if ((*at)->leader != &me) {
            *at = (*at)->next;
        } else {
            (*at)->waiters = NULL;
            at = &(*at)->next;
        }
    }
    pthread_mutex_unlock(&lock);
}
