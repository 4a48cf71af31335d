/* SPDX-License-Identifier: MIT */
/* Memory that runs out where a test wants it: the program's own definitions of what the library allocates with come
 * before those of other libraries. They fail where the armed thread has asked for it, and only for the library's own
 * calls: not inside of the collector. A program that links injection.c has them. */
#ifndef TESTS_INJECTION_H
#define TESTS_INJECTION_H

#include <stdatomic.h>
#include <stdbool.h>

/* The calling thread's `call`th allocation from here on fails, once; 0: none. */
void injection_arm(long call);
/* No more of them; whether one has failed. */
bool injection_disarm(void);

/* So many threads of the library's fail to enter it. */
extern atomic_uint injection_entries_to_fail;

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__
enum { OF_MALLOC = 0 };
#else
enum { OF_MALLOC = 1 };     /* failures of malloc; the sanitizer's cannot be replaced */
#endif

#endif
