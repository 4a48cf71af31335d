/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/hash.h"

#include <errno.h>
#include <sys/random.h>

struct hash_key hash_key;

int hash_start(void)
{
    unsigned char *to = (unsigned char *)&hash_key;
    size_t left = sizeof hash_key;
    while (left > 0) {
        ssize_t n = getrandom(to, left, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        to += n;
        left -= (size_t)n;
    }
    return 0;
}
