/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=often, often=N: a collection every N new values.
 *
 * A mistake of the program shows only if a value that it still needs is evicted, and most tests are too small for a
 * collection. While the switch is on, each new value is allocated by itself, and a collection runs before every Nth. */
#ifndef HAPAX_DEBUG_OFTEN_H
#define HAPAX_DEBUG_OFTEN_H

/* The library's start: reads the switch. */
void debug_often_start(void);

#endif
