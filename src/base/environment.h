/* SPDX-License-Identifier: MIT */
/* What the environment of the process says to the library.
 *
 * Everything is read with secure_getenv: a program that runs with more rights than its caller ignores the caller's
 * environment. */
#ifndef HAPAX_ENVIRONMENT_H
#define HAPAX_ENVIRONMENT_H

#include <stdbool.h>

/* Whether this program runs with more rights than its caller: set-user-ID, set-group-ID or with capabilities of its
 * file. */
bool environment_secure_execution(void);

/* Removes all variables whose names begin with the prefix. Other threads must not read the environment meanwhile. */
void environment_forget(const char *prefix);

/* Whether the comma-separated list in the environment variable HAPAX_DEBUG has this word, or the word "all". */
bool environment_debug(const char *word);
/* The number behind the word and a "=", or `plainly` if the word stands alone; 0: neither. */
unsigned long environment_debug_number(const char *word, unsigned long plainly);
/* The list, or NULL. */
const char *environment_debug_words(void);

/* What HAPAX_SEARCH says, or NULL. */
const char *environment_search(void);

#endif
