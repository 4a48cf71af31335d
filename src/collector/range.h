/* SPDX-License-Identifier: MIT */
/* What is left to search of a marked object, and how: what our marker keeps on its stack. The same two words as on
 * bdwgc's own mark stack, where the second is called a descriptor. */
#ifndef HAPAX_RANGE_H
#define HAPAX_RANGE_H

#include <stdint.h>

/* `how`: a number of bytes, to be searched word by word, if the low bits are 0; else as the collector knows. 0:
 * nothing. */
struct collector_range {
    const void *start;
    uintptr_t how;
};
#define COLLECTOR_RANGE_TAGS ((uintptr_t)3)

#endif
