/* SPDX-License-Identifier: MIT */
/* The same values on the same collector with no table at all: what a collection
   costs before anyone interns anything. Needs bdwgc; only peers that define
   PEER_COLLECT call it. */

#ifndef BENCH_BARE_HEAP_H
#define BENCH_BARE_HEAP_H

#include "harness.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of so many collections the median is taken, here and by the peers. */
enum { BARE_HEAP_COLLECTIONS = 5 };

/* The time of one full collection of a heap that holds each distinct value once,
   as a pointer-free object, and one pointer to each, in nanoseconds. Runs in a
   child process, so it leaves nothing behind; call it before the collector has
   been started in this one. Exits where the child fails. */
double bare_heap_collection_ns(const struct bench_corpus *corpus);

#ifdef __cplusplus
}
#endif

#endif
