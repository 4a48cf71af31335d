/* What the library says to a programmer: refused mistakes, on standard error, where HAPAX_DEBUG asks for it. */
#ifndef HAPAX_DEBUG_H
#define HAPAX_DEBUG_H

#include <stdbool.h>

/* Whether the comma-separated list in the environment variable HAPAX_DEBUG has this word. */
bool debug_asks_for(const char *word);

/* Sets errno; with HAPAX_DEBUG=errors also prints a line that names the public function and the reason. -1. */
int refuse(int error, const char *function, const char *reason);

#endif
