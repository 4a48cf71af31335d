/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/version.h>

const char *hapax_version(void)
{
    return HAPAX_VERSION;
}
