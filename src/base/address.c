/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/address.h"

#include <stdio.h>

unsigned address_bits = 48;

void address_refuse(const void *end)
{
    static atomic_bool said;
    /* Relaxed: only the first caller counts. */
    if (!exchange_relaxed(&said, true))
        fprintf(stderr, "hapax: the address %p has more than %u bits, which the library cannot work with\n", end, address_bits);
}
