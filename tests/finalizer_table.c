/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "finalizer_table.h"

#include <gc/gc.h>
#include <hapax.h>
#include <stdlib.h>
#include <string.h>

static void GC_CALLBACK finalize_nothing(void *object, void *unused)
{
    (void)object, (void)unused;
}

void grow_finalizer_table(size_t n)
{
    /* More than n, since other finalizers may be in the table too. */
    size_t count = 4 * n;
    if (hapax_init() != 0)
        abort();
    void **objects = GC_malloc_uncollectable(count * sizeof *objects);
    if (objects == NULL)
        abort();
    for (size_t i = 0; i < count; i++)
        GC_register_finalizer(objects[i] = GC_malloc(16), finalize_nothing, NULL, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        GC_register_finalizer(objects[i], NULL, NULL, NULL, NULL);
    memset(objects, 0, count * sizeof *objects);
    GC_free(objects);
}
