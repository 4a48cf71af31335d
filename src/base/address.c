/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/address.h"

#include "base/say.h"

unsigned address_bits = 48;

void address_refuse(const void *end)
{
    static atomic_bool said;
    /* Relaxed: only the first caller counts. */
    if (!exchange_relaxed(&said, true))
        say("the heap reaches address %p, but the library supports only addresses of %u bits", end, address_bits);
}
