/* SPDX-License-Identifier: MIT */
/* Which pages of memory have ever been written to, or read, and can be read now. What was not is full of zeros and
 * takes no memory; reading it would change that.
 *
 * All of it may be done while the world is stopped: system calls alone. One search at a time. */
#ifndef HAPAX_TOUCHED_PAGES_H
#define HAPAX_TOUCHED_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void touched_pages_begin(void);
/* Whether the page with this address was touched, or may be a guard; it is mapped, and so is all up to `end`. Cheap for
 * addresses that grow. */
bool touched_page(uintptr_t address, uintptr_t end);
/* Whether this system has guards. */
bool touched_pages_may_be_guards(void);
/* Whether the page is a guard inside its mapping, which cannot be read. */
bool touched_page_is_guard(uintptr_t address, uintptr_t end);
/* Calls visit for each run of touched pages in [start, end), whose ends need not be those of pages. To ask about guards
 * takes as long as searching the pages; blocks of glibc's have none. */
void touched_pages_each(uintptr_t start, uintptr_t end, bool may_have_guards,
                        void (*visit)(uintptr_t start, uintptr_t end));
void touched_pages_end(void);

/* Bytes of a page of the system's. */
size_t touched_page_size(void);

#endif
