/* SPDX-License-Identifier: MIT */
/* How long a test may take. Nothing in a suite waits with a limit of its own: the limit of the test ends what hangs. */
#ifndef TESTS_LIMITS_H
#define TESTS_LIMITS_H

#include <stdbool.h>

/* Milliseconds to wait for what has to come: longer than the limit of any test. */
enum { FOR_EVER = 1000000000 };

/* How much longer than on a fast machine everything may take. limits.c, which is part of each Criterion program,
 * multiplies the limits of all tests by it, and gives one to those that have none. Builds in which everything is slow
 * have a larger scale; HAPAX_TEST_SCALE in the environment multiplies it further. */
unsigned time_scale(void);

/* Whether the process may not have all the address space that it wants, by ulimit -v. Each table, cache and weak map
 * that is not empty reserves much of it. */
bool address_space_is_limited(void);

#endif
