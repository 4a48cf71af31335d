/* SPDX-License-Identifier: MIT */
/* How glibc's malloc lays out its memory, as far as a search of it has to know.
 *
 * A chunk is two words, the size of the chunk before it if that is free, and its own size with three flags, and then
 * the user's bytes, which go on into the first word of the next chunk. Chunks lie in
 *   - the memory of brk, which belongs to the main arena, one after the other up to the top;
 *   - heaps of other arenas, at multiples of 64 MiB, each with a header in front;
 *   - mappings of their own, for large ones.
 * While the lock of an arena is held, its memory stays where it is and its chunks can be told apart, whatever threads
 * go on running: free chunks and the top are passed over. A search takes the lock where nobody holds it, and gives up
 * at once where somebody does, perhaps a thread that has been stopped. What is believed of arenas is checked first
 * against those of the process at hand.
 *
 * Inside a collection, but for glibc_heap_recognize and glibc_heap_tidy_up. */
#ifndef HAPAX_GLIBC_HEAP_H
#define HAPAX_GLIBC_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether this process allocates with glibc's malloc. Allocates and frees; call it once. */
bool glibc_heap_recognize(void);

/* Freed small chunks of the main arena look as if they were in use until somebody sorts them out: has it done. Takes
 * the arena's lock. */
void glibc_heap_tidy_up(void);

/* A search begins. pass_over_cached: freed chunks in the caches of threads are left out, and with them some in use that
 * look the same. */
void glibc_heap_begin(bool pass_over_cached);

/* Whether the main arena is known, and has all its memory from brk. Where brk could not grow, it has mappings that
 * begin with no header. */
bool glibc_heap_is_contiguous(void);

enum glibc_memory { GLIBC_NOTHING, GLIBC_HEAP, GLIBC_CHUNK };
/* What of malloc's begins at this page of an anonymous mapping; *end: where that ends, which may be behind the mapping.
 * `words` are the first four of the page. */
enum glibc_memory glibc_heap_identify(uintptr_t page, const uintptr_t words[4], uintptr_t *end);

/* Calls visit for the parts in use of the arena's heap at this address, which can be read. False where they cannot be
 * told apart now: nothing was visited. */
bool glibc_heap_each_used(uintptr_t start, void (*visit)(uintptr_t start, uintptr_t end));
/* The same for the memory of brk. */
bool glibc_heap_each_used_of_main(uintptr_t start, uintptr_t end, void (*visit)(uintptr_t start, uintptr_t end));

#endif
