/* SPDX-License-Identifier: MIT */
/* The name of a code address. */
#ifndef HAPAX_SOURCE_PLACE_H
#define HAPAX_SOURCE_PLACE_H

#include <stddef.h>

/* Writes "function (file:line)" of the instruction before this one, or as much of it as symbols allow. May run
 * addr2line(1). */
void source_place_describe(const void *address, char *text, size_t size);

#endif
