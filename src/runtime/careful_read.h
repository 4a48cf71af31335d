/* SPDX-License-Identifier: MIT */
/* Reading memory that a thread which is not stopped may unmap at any moment: the system copies it, and says so where
 * there is nothing to read. No signal is raised.
 *
 * All of it may be done while the world is stopped: system calls alone. */
#ifndef HAPAX_CAREFUL_READ_H
#define HAPAX_CAREFUL_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies a few bytes. False where they cannot be read, all of them. */
bool careful_copy(void *to, uintptr_t from, size_t size);

/* Whether each page of the range can be read. True where the system does not tell. */
bool careful_is_readable(uintptr_t start, size_t size);

/* Clears what stands in `wanted` for those of so many pages, of so many bytes each, that cannot be read; asks only
 * about those whose byte is not 0.
 * Answers whether there were such. */
bool careful_readable_pages(uintptr_t first, size_t pages, size_t page_bytes, unsigned char *wanted);

enum { CAREFUL_WINDOW = 256 << 10 };

/* For much memory, a window at a time. Prepare reserves what that takes, outside of collections; false with ENOMEM.
 * Begin answers false where this system offers no way. One at a time. */
bool careful_prepare(void);
bool careful_begin(void);
/* A copy of the `*size` bytes (CAREFUL_WINDOW at most) at this address; *size becomes smaller where there are less.
 * Valid until the next call. */
const void *careful_window(uintptr_t from, size_t *size);
void careful_end(void);

#endif
