/* SPDX-License-Identifier: MIT */
/* needs: glib.h; pkg-config: glib-2.0 */
/* A GHashTable from handles to numbers, and a GPtrArray. */
#include <glib.h>
#include <hapax.h>

#include "natural.h"

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    GHashTable *numbers = g_hash_table_new(NULL, NULL);
    GPtrArray *names = g_ptr_array_new();
    char text[32];
    for (unsigned i = 0; i < values; i++) {
        hapax_handle name = hapax_intern(text_of(text, i));
        if (i % 2 == 0)
            g_hash_table_insert(numbers, (gpointer)name, GUINT_TO_POINTER(i + 1));
        else
            g_ptr_array_add(names, (gpointer)name);
    }
    for (unsigned i = 0; i < values; i++) {
        hapax_handle name = hapax_intern(text_of(text, i));
        if (i % 2 == 0)
            CHECK(GPOINTER_TO_UINT(g_hash_table_lookup(numbers, name)) == i + 1, "%u is not in the table", i);
        else
            CHECK(g_ptr_array_index(names, i / 2) == name, "%u is not in the array", i);
    }
    return 0;
}
