/* SPDX-License-Identifier: MIT */
/* Mappings that end with an object: in the collection that finds it dead, before anybody else can run into what is
 * left.
 *
 * A block of the collected heap over which a file lies has to be ordinary memory again before the collector hands it
 * out; a file that is shared has to be unmapped before anybody maps it anew. So neither waits in a queue. */
#ifndef HAPAX_MAPPING_H
#define HAPAX_MAPPING_H

#include <stdbool.h>
#include <stddef.h>

struct registry;

enum mapping_end {
    MAPPING_UNMAPPED,       /* the addresses go back to the system */
    MAPPING_RESTORED,       /* the pages were the collector's, and are to be writable memory again */
};

/* What a group of mappings is registered with, for ever. NULL with ENOMEM. Of two groups, the later one's mappings end
 * first in a collection, and before the words of caches and tables made before it are settled. */
struct registry *mapping_group(void);
/* The same, made at the first call. */
struct registry *mapping_common_group(void);

/* Has the mapping end when the object dies. `object` is held by the caller. False with ENOMEM. */
bool mapping_attach(struct registry *group, const void *object, void *start, size_t length, enum mapping_end end);

/* Pages of the collector's get memory again that reads as zero and can be written. */
void mapping_restore(void *start, size_t length);

#endif
