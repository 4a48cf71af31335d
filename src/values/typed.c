/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/typed.h>

#include <hapax/memory.h>

#include "base/refuse.h"
#include "base/sync.h"
#include "runtime/thread.h"

#include <errno.h>

hapax_table *hapax_table_once(hapax_table **slot, const struct hapax_type *type)
{
    if (unlikely(slot == NULL)) {
        refuse(EINVAL, "hapax_table_once", "the slot is NULL");
        return NULL;
    }
    /* The variable is a plain one, since the header is C++ too. Acquire: the table is filled in. */
    hapax_table *table = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    if (likely(table != NULL))
        return table;
    hapax_table *fresh = hapax_table_new(type, 0);
    if (fresh == NULL || hapax_pin(fresh) != 0)
        return NULL;
    /* Release: a thread that finds it finds it filled in. */
    if (__atomic_compare_exchange_n(slot, &table, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        return fresh;
    hapax_unpin(fresh);
    return table;
}
