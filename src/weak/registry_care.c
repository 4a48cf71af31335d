/* SPDX-License-Identifier: MIT */
/* What is done after a collection for the owners whose objects it evicted. */
#include "config.h"

#include "weak/registry.h"

#include "base/park.h"
#include "collector/collector.h"
#include "weak/chunks.h"

atomic_bool registry_care_wanted;
static atomic_uint carers;   /* threads inside registry_care */

struct care {
    struct registry *registry;
    void *owner;
};

/* No collection runs, so all owners are settled: those that are left live, and this one is held from here on. */
static void find_one(void *data)
{
    struct care *care = data;
    struct registry *registry = load_acquire(&registry_list);
    while (registry != NULL && !load_relaxed(&registry->wants_care))
        registry = load_acquire(&registry->next);
    if (registry != NULL)
        store_relaxed(&registry->wants_care, false);
    care->registry = registry;
    care->owner = registry != NULL ? registry->owner : NULL;
}

void registry_care(void)
{
    /* A foreign finalizer may call from inside it. */
    if (registry_amidst.care)
        return;
    int cancellation = cancellation_off();
    registry_amidst.care = true;
    add_relaxed(&carers, 1u);
    while (atomic_exchange_explicit(&registry_care_wanted, false, memory_order_relaxed)) {
        for (struct care care;;) {
            collector_exclude(find_one, &care);
            if (care.registry == NULL)
                break;
            care.registry->kind->care(care.registry->context);
            keep_reachable(care.owner);
        }
    }
    sub_release(&carers, 1u);   /* release: pairs with registry_wait_cared */
    registry_amidst.care = false;
    cancellation_restore(cancellation);
}

void registry_wait_cared(void)
{
    /* Two threads inside it that waited for each other would wait for ever. */
    if (registry_amidst.care)
        return;
    registry_care();
    for (unsigned turns = 0; load_acquire(&carers) != 0;) /* acquire: what the others did is seen */
        sync_wait_step(&turns);
}

bool registry_wants_care(void)
{
    return load_relaxed(&registry_care_wanted);
}

void registry_care_fork_child(void)
{
    store_relaxed(&carers, registry_amidst.care);
}
