/* What a code address is called. */
#ifndef HAPAX_SYMBOL_H
#define HAPAX_SYMBOL_H

#include <stddef.h>

/* Writes "function (file:line)" of the instruction before this one, or as much of it as symbols allow. May run
 * addr2line(1). */
void symbol_describe(const void *address, char *text, size_t size);

#endif
