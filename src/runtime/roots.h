/* What keeps objects alive by the program's own word: pinned objects, and ranges of memory that are searched for
 * pointers. The public functions are in <hapax/memory.h>. */
#ifndef HAPAX_ROOTS_H
#define HAPAX_ROOTS_H

#include <stddef.h>

/* push_roots: pinned objects and what root ranges hold. */
void roots_push(void);

/* How often the object with this base is pinned. */
size_t roots_pins(const void *base);

#endif
