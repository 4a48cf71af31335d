/* SPDX-License-Identifier: MIT */
/* Where a pointer leads: what every public function asks of a pointer that it is given. */
#ifndef HAPAX_PLACE_H
#define HAPAX_PLACE_H

#include <stddef.h>

enum memory_place {
    MEMORY_COLLECTED,
    MEMORY_STATIC,      /* data or code of a module, which stays loaded from then on */
    MEMORY_FOREIGN,     /* a stack, malloc, nowhere */
};
/* *base: of the object, if it is collected. */
enum memory_place memory_place(const void *pointer, void **base);

#endif
