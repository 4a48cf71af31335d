/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "debug/often.h"

#include "base/environment.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/runs.h"
#include "runtime/thread.h"

/* Where the word stands alone. */
enum { OFTEN = 100 };

static unsigned long every;
static atomic_count values;     /* new ones so far */

static void count_value(void)
{
    if ((add_relaxed(&values, 1u) + 1) % every != 0)
        return;
    thread_clear_dead_frames();
    collector_collect();
}

void debug_often_start(void)
{
    every = environment_debug_number("often", OFTEN);
    if (every != 0)
        runs_before_value = count_value;
}
