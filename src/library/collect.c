/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/memory.h>

#include "collector/collector.h"
#include "debug/report.h"
#include "runtime/thread.h"
#include "weak/registry.h"

void hapax_collect(void)
{
    if (thread_enter() == NULL)
        return;
    collector_check();
    collector_watch();
    thread_clear_dead_frames();
    collector_collect();
    collector_check();
    registry_wait_cared();
    debug_report_print();
}
