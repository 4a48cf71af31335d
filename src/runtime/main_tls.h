/* SPDX-License-Identifier: MIT */
/* Where the thread-local variables of the main thread are. The collector finds those of other threads, which lie at the
 * ends of their stacks; the loader has put these somewhere else, with the first data of pthread_setspecific beside
 * them. */
#ifndef HAPAX_MAIN_TLS_H
#define HAPAX_MAIN_TLS_H

#include <stdint.h>

/* Looks for them, if the calling thread is the main one. Not inside a collection: asks the loader. */
void main_tls_find(void);

/* [*start, *end), in whole pages, of which some may belong to others; an empty range as long as they are not found. */
void main_tls_range(uintptr_t *start, uintptr_t *end);

#endif
