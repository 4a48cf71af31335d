/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "systems/mapping.h"

#include "base/say.h"
#include "collector/collector.h"
#include "runtime/thread.h"
#include "weak/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Plain memory, which a collection marks as long as the mapping stands. */
struct mapping {
    const void *base;       /* of the object that it ends with */
    void *start;
    size_t length;
    enum mapping_end end;
};

void mapping_restore(void *start, size_t length)
{
    const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    if (mmap(start, length, access, kind, -1, 0) != MAP_FAILED ||
        mmap(start, length, access, kind | MAP_NORESERVE, -1, 0) != MAP_FAILED)
        return;
    /* A page of the collector's that cannot be written would end the program later, and elsewhere. */
    say("out of memory while the library replaced the pages of a mapped file");
    abort();
}

/* ---- A collection ---- */

static const void *subject(void *object)
{
    struct mapping *mapping = object;
    collector_mark(mapping);
    return mapping->base;
}

static uintptr_t doubt(void *context, void *object)
{
    (void)context;
    return (uintptr_t)object | 1;
}

static void *settle(void *context, uintptr_t entry)
{
    (void)context;
    struct mapping *mapping = (struct mapping *)(entry & ~(uintptr_t)1);
    if (collector_survived(mapping->base))
        return mapping;
    if (mapping->end == MAPPING_RESTORED)
        mapping_restore(mapping->start, mapping->length);
    else
        (void)munmap(mapping->start, mapping->length);
    return NULL;
}

static const struct registry_kind mappings = {.subject = subject, .doubt = doubt, .settle = settle};

/* ---- Registering ---- */

struct registry *mapping_group(void)
{
    /* Registries settle the newest first. */
    return registry_new(&mappings, NULL, NULL, NULL);
}

struct registry *mapping_common_group(void)
{
    static struct registry *_Atomic common;
    struct registry *group = load_acquire(&common); /* acquire: it is filled in */
    if (group != NULL)
        return group;
    struct registry *fresh = mapping_group();
    if (fresh == NULL)
        return NULL;
    /* One that lost the race stays behind, empty: it is known to collections. */
    return cas_acq_rel(&common, &group, fresh) ? fresh : group;
}

bool mapping_attach(struct registry *group, const void *object, void *start, size_t length, enum mapping_end end)
{
    struct mapping *mapping = thread_alloc_plain(thread_self, sizeof *mapping);
    if (mapping == NULL)
        return false;
    *mapping = (struct mapping){collector_base(object), start, length, end};
    atomic_word *word = registry_reserve(group, thread_self->lane);
    if (word == NULL)
        return false;
    store_release(word, (uintptr_t)mapping);
    registry_filled(group, word);
    keep_reachable(mapping);
    keep_reachable(object);
    return true;
}
