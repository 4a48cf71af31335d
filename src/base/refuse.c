/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/refuse.h"

#include "base/environment.h"

#include <errno.h>
#include <stdio.h>

int refuse(int error, const char *function, const char *reason)
{
    if (environment_debug("errors"))
        fprintf(stderr, "hapax: %s: %s\n", function, reason);
    errno = error;
    return -1;
}
