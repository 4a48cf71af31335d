/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=cleanups: finds objects that never die because the argument of their own cleanup or finalizer reaches
 * them, and finalizers that never run because their objects form a cycle.
 *
 * While the switch is on, the record of a cleanup or finalizer stores a proxy instead of its argument. The collector
 * does not search proxies. When marking has ended, the library marks the arguments itself, so it can tell which objects
 * only they keep alive. Nothing else differs. */
#ifndef HAPAX_ARGUMENT_PROXY_H
#define HAPAX_ARGUMENT_PROXY_H

#include <stdint.h>

/* The library's start: reads the switch. */
void argument_proxy_start(void);

/* mark_end: how many proxies there are; each may wait for its object. */
uint64_t argument_proxy_waiters(void);
/* mark_end, after the values of weak maps were marked and before the finalizers; reclaim_end. */
void argument_proxy_mark_end(void);
void argument_proxy_reclaim_end(void);

#endif
