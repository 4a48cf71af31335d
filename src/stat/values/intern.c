/* SPDX-License-Identifier: MIT */
/* intern.c - handles for the program's own use. */
#include "config.h"

#include "stat/values/intern.h"

#include "stat/base/message.h"

hapax_table *intern_table(void)
{
    hapax_table *table = hapax_table_new(NULL, HAPAX_TABLE_KEEPS_VALUES);
    if (!table || hapax_pin(table) != 0)
        give_up("no table");
    return table;
}

hapax_handle intern(hapax_table *table, const char *data, size_t size)
{
    hapax_handle handle = hapax_make_handle(table, data, size);
    if (!handle)
        give_up("no handle");
    return handle;
}
