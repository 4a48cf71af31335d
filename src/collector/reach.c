/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "collector/reach.h"

#include "base/pages.h"
#include "base/sync.h"
#include "collector/collector.h"

enum { LIMIT = 1 << 18, SLOTS = 2 * LIMIT, KEPT = 1 << 12 };

size_t reach_limit = LIMIT;

/* Reserved together. The queue holds the objects seen, in their order; the slots, for linear probing, their numbers
 * from 1. */
struct memory {
    const void *queue[LIMIT];
    uint32_t slots[SLOTS];
    uint32_t slot_of[LIMIT];    /* by number */
};
static struct pages_once memory;
static size_t seen, looked_into;
size_t reach_passed;

bool reach_prepare(void)
{
    return pages_alloc_once(&memory, sizeof(struct memory), sizeof(struct memory));
}

static struct memory *the_memory(void)
{
    return load_relaxed(&memory.start);
}

static uint32_t *find_slot(const void *base)
{
    struct memory *known = the_memory();
    uint64_t spread = (uintptr_t)base / COLLECTOR_GRANULE * UINT64_C(0x9e3779b97f4a7c15);
    size_t slot = (size_t)(spread >> 32) % SLOTS;
    while (known->slots[slot] != 0 && known->queue[known->slots[slot] - 1] != base)
        slot = (slot + 1) % SLOTS;
    return &known->slots[slot];
}

bool reach_add(const void *base, bool (*enter)(const void *base))
{
    struct memory *known = the_memory();
    uint32_t *slot = find_slot(base);
    if (*slot != 0 || !enter(base))
        return true;
    if (seen == reach_limit)
        return false;
    known->queue[seen++] = base;
    known->slot_of[seen - 1] = (uint32_t)(slot - known->slots);
    *slot = (uint32_t)seen;
    return true;
}

/* False where an object would have to be remembered and cannot. */
static bool look_into(const void *base, bool (*enter)(const void *base))
{
    /* The world may be running: somebody else may write where the search only passes through. */
    const atomic_word *words = base;
    size_t count = collector_scan_size(base) / sizeof *words;
    for (size_t i = 0; i < count; i++) {
        const void *next = collector_base((void *)load_relaxed(&words[i]));
        if (next != NULL && next != base && !reach_add(next, enter))
            return false;
    }
    return true;
}

bool reach_search(const void *from, bool (*enter)(const void *base))
{
    if (the_memory() == NULL)
        return false;
    return look_into(from, enter) && reach_go_on(enter);
}

bool reach_left(void)
{
    return looked_into < seen;
}

bool reach_go_on(bool (*enter)(const void *base))
{
    bool complete = true;
    while (complete && looked_into < seen)
        complete = look_into(the_memory()->queue[looked_into++], enter);
    return complete;
}

void reach_forget(void)
{
    struct memory *known = the_memory();
    reach_passed += seen;
    looked_into = 0;
    if (seen > KEPT) {
        /* What was used of the slots is spread over all of them. */
        pages_give_back(known, sizeof *known);
        seen = 0;
    }
    while (seen > 0)
        known->slots[known->slot_of[--seen]] = 0;
}
