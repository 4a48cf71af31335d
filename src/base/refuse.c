/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/refuse.h"

#include "base/environment.h"
#include "base/say.h"

#include <errno.h>

int refuse(int error, const char *function, const char *reason)
{
    if (environment_debug("errors"))
        say("%s: %s", function, reason);
    errno = error;
    return -1;
}
