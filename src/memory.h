/* Collected memory, pins and root ranges: the public functions of <hapax/memory.h>, and what they need of a
 * collection. */
#ifndef HAPAX_MEMORY_PRIVATE_H
#define HAPAX_MEMORY_PRIVATE_H

#include <stdbool.h>

/* push_roots: pinned objects and what root ranges hold. */
void memory_push_roots(void);

/* Where a pointer leads. */
enum memory_place {
    MEMORY_COLLECTED,
    MEMORY_STATIC,
    MEMORY_FOREIGN,     /* a stack, malloc, nowhere */
};
/* *base: of the object, where it is collected. */
enum memory_place memory_place(const void *pointer, void **base);

#endif
