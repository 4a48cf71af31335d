/* SPDX-License-Identifier: MIT */
/* What the trie and the registry ask of the collector layer, for suites that play the collector themselves: they mark,
 * call the steps of a collection and decide who survives. A suite that links it leaves src/collector/collector.c
 * out. */
#ifndef TESTS_BARE_COLLECTOR_H
#define TESTS_BARE_COLLECTOR_H

#include "trie/trie.h"

/* What the suites put into tries and registries, and the owners of registries. */
struct bare_object {
    _Alignas(16) struct trie_object in_trie;
    uint64_t value;
    bool marked;       /* found alive by the marking; at mark_end others are doubted */
    bool survives;     /* of those: brought back before reclaim_end */
    bool evicted;      /* for the suite's own books */
};

/* What collector_wait does: ends the collection that runs. NULL: there is none, and waiting is a failure. */
extern void (*bare_wait)(void);
extern unsigned bare_waits;             /* how often it was called */
extern bool bare_out_of_memory;         /* allocations fail */
/* So many bytes are set aside, for when the system has no more to give. */
void bare_reserve(size_t bytes);
extern unsigned bare_collections;       /* how often collector_collect was called */

/* Objects whose addresses do not come back, all marked. */
struct bare_object *bare_objects(size_t n);

#endif
