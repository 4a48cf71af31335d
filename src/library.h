/* The library's start, and the order in which its parts take part in a collection and in a fork. */
#ifndef HAPAX_LIBRARY_H
#define HAPAX_LIBRARY_H

#include <stdint.h>

/* 0, or -1 with errno. Again is harmless; after a failure it tries anew. */
int library_start(void);

/* What the collections have cost so far. */
struct library_times {
    uint64_t collections, collector_ns, last_pause_ns;
};
void library_times(struct library_times *times);

#endif
