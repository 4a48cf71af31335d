/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/place.h"

#include "base/module.h"
#include "collector/collector.h"

enum memory_place memory_place(const void *pointer, void **base)
{
    *base = collector_base(pointer);
    if (*base != NULL)
        return MEMORY_COLLECTED;
    return module_stay_loaded(pointer) ? MEMORY_STATIC : MEMORY_FOREIGN;
}
