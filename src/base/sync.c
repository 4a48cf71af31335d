/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/sync.h"

#include "base/park.h"

#include <sched.h>
#include <time.h>

enum {
    SPINS = 64,
    YIELDS = 16,
    FIRST_NAP_NS = 20000,
    LONGEST_NAP_NS = 1000000,
};

/* A thread with real-time priority that only gave the processor away would get it back at once: it has to sleep for the
 * owner to run. */
static void nap(unsigned number)
{
    unsigned ns = number < LONGEST_NAP_NS / FIRST_NAP_NS ? number * FIRST_NAP_NS : LONGEST_NAP_NS;
    struct timespec time = {0, (long)ns};
    int before = cancellation_off();
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
    cancellation_restore(before);
}

void sync_wait_step(unsigned *turns)
{
    unsigned turn = ++*turns;
    if (turn <= SPINS)
        spin_hint();
    else if (turn <= SPINS + YIELDS)
        sched_yield();
    else
        nap(turn - SPINS - YIELDS);
}
