#include "config.h"

#include "base/sync.h"

#include <sched.h>

enum { SPINS_BEFORE_YIELD = 64 };

void sync_wait_step(unsigned *turns)
{
    if (++*turns < SPINS_BEFORE_YIELD)
        spin_hint();
    else
        sched_yield();
}
