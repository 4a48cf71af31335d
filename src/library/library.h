/* SPDX-License-Identifier: MIT */
/* The assembly of the library: the order in which its parts start, take part in a collection and in a fork. */
#ifndef HAPAX_LIBRARY_H
#define HAPAX_LIBRARY_H

#include <stdint.h>

/* What the collections have cost so far. */
struct library_times {
    uint64_t collections, collector_ns, last_pause_ns;
};
void library_times(struct library_times *times);

#endif
