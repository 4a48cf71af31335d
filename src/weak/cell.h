/* Weak pointers: what the statistics ask of them. The public functions are in <hapax/weak.h>. */
#ifndef HAPAX_WEAK_PRIVATE_H
#define HAPAX_WEAK_PRIVATE_H

#include <stdint.h>

/* How many weak pointers there are. */
uint64_t weak_count(void);

#endif
