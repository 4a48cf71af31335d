/* SPDX-License-Identifier: MIT */
/* Where a thread of the hard build pauses. A mistake in a protocol often shows only if a whole collection comes between
 * two atomic operations of one thread, which are a few nanoseconds apart. */
#include "config.h"

#ifdef HAPAX_HARD_TESTS
#include "base/park.h"
#include "base/sync.h"

#include <time.h>

enum {
    OPERATIONS_A_PAUSE = 10000,
    SHORTEST_PAUSE_NS = 1000,
    DOUBLINGS = 10,                 /* to a millisecond */
};

/* Long pauses let collections come in between, short ones other threads. */
static void pause_for(unsigned doublings)
{
    struct timespec time = {0, (long)SHORTEST_PAUSE_NS << doublings};
    int before = cancellation_off();
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &time, NULL);
    cancellation_restore(before);
}

void sync_pause_now_and_then(void)
{
    static _Thread_local uint32_t dice __attribute__((tls_model("initial-exec")));
    if (unlikely(dice == 0))
        dice = (uint32_t)((uintptr_t)&dice >> 4 | 1);
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    if (dice % OPERATIONS_A_PAUSE == 0)
        pause_for(dice / OPERATIONS_A_PAUSE % (DOUBLINGS + 1));
}
#endif
