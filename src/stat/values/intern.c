/* intern.c - handles for the program's own use. */
#include "config.h"

#include "stat/values/intern.h"

#include "stat/base/message.h"

#include <string.h>

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

int intern_compare(hapax_handle a, hapax_handle b)
{
    size_t a_size = hapax_handle_size(a);
    size_t b_size = hapax_handle_size(b);
    size_t shorter = a_size < b_size ? a_size : b_size;
    int order = memcmp(hapax_handle_value(a), hapax_handle_value(b), shorter);
    return order ? order : (a_size > b_size) - (a_size < b_size);
}
