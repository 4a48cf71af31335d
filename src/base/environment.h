/* What the environment of the process says to the library.
 *
 * Everything is read with secure_getenv: a program that runs with more rights than its caller ignores the caller's
 * environment. */
#ifndef HAPAX_ENVIRONMENT_H
#define HAPAX_ENVIRONMENT_H

#include <stdbool.h>

/* Whether the comma-separated list in the environment variable HAPAX_DEBUG has this word. */
bool environment_debug(const char *word);

#endif
