/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "explore_anew.h"

#include "collector/collector.h"
#include "explore_fibers.h"
#include "runtime/thread.h"
#include "weak/chunks.h"

#include <stdlib.h>
#include <string.h>

/* All slabs of the registries that belong to the process. */
static struct kept {
    struct slab *slab;
    void *as_first;
} all_kept[64];
static unsigned kept_count;

static void keep(struct slab *slab)
{
    if (kept_count == sizeof all_kept / sizeof *all_kept)
        abort();
    void *as_first = malloc(SLAB_BYTES);
    memcpy(as_first, slab, SLAB_BYTES);
    all_kept[kept_count++] = (struct kept){slab, as_first};
}

void explore_remember(void)
{
    while (kept_count > 0)
        free(all_kept[--kept_count].as_first);
    for (struct registry *registry = registry_list; registry != NULL; registry = registry->next)
        if (registry->owner == NULL)
            for (struct slab *slab = &registry->first_slab; slab != NULL; slab = slab->next)
                keep(slab);
}

void explore_begin_anew(void (*run)(void))
{
    fibers_begin_anew(run);
    for (unsigned i = 0; i < fibers_count; i++)
        thread_forget_runs(fibers[i].self);
    thread_forget_runs(thread_self);
    collector_collect();
    for (unsigned i = 0; i < kept_count; i++)
        memcpy(all_kept[i].slab, all_kept[i].as_first, SLAB_BYTES);
}
