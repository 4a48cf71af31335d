/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cleanup/records.h"

#include "collector/collector.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

static_assert(sizeof(struct record_slab) <= PAGE_BYTES, "the headers fit the first page of their slab");
static_assert((GROUPS_PER_SLAB + 1) * PAGE_BYTES <= RECORD_SLAB_BYTES, "so do the states the others");

spin_lock records_lock;

/* ---- Groups. The lock is held ---- */

static void put_into_open(struct records *records, struct record_group *group)
{
    group->before = NULL;
    group->next = records->open;
    if (group->next != NULL)
        group->next->before = group;
    records->open = group;
}

static void take_out_of_open(struct records *records, struct record_group *group)
{
    *(group->before != NULL ? &group->before->next : &records->open) = group->next;
    if (group->next != NULL)
        group->next->before = group->before;
}

static struct record_group *put_in_front(struct record_group *group, struct record_group *list)
{
    group->next = list;
    return group;
}

/* A group without memory, or NULL: another slab is wanted. */
static struct record_group *take_closed(struct records *records)
{
    struct record_group *group = records->closed;
    if (group != NULL) {
        records->closed = group->next;
        return group;
    }
    struct record_slab *slab = load_relaxed(&records->slabs);
    if (slab == NULL || slab->made == GROUPS_PER_SLAB)
        return NULL;
    group = &slab->groups[slab->made++];
    group->states = (struct record_state *)(void *)((char *)slab + (size_t)PAGE_BYTES * slab->made);
    return group;
}

/* ---- Records ---- */

static void *take(struct records *records)
{
    struct record_group *group = records->open;
    if (group == NULL)
        return NULL;
    if (group == records->spare)
        records->spare = NULL;
    struct record_state *state = group->free;
    if (state != NULL) {
        group->free = (struct record_state *)load_relaxed(&state->hidden_object);
    } else {
        unsigned begun = load_relaxed(&group->begun);
        state = &group->states[begun];
        store_relaxed(&group->begun, begun + 1);
    }
    if (++group->used == RECORDS_PER_GROUP)
        take_out_of_open(records, group);
    struct record_head *record = record_of_state(state);
    record->state = state;
    return record;
}

static struct record_slab *new_slab(struct records *records)
{
    struct record_slab *slab = pages_reserve(RECORD_SLAB_BYTES, RECORD_SLAB_BYTES);
    if (slab == NULL)
        return NULL;
    if (!pages_commit(slab, RECORD_SLAB_BYTES)) {
        pages_free(slab, RECORD_SLAB_BYTES);
        return NULL;
    }
    slab->records = records;
    return slab;
}

/* A group that has memory now, or NULL: another slab is wanted. Takes the slab over where it is needed. The lock is
 * held. */
static struct record_group *open_group(struct records *records, char *block, struct record_slab **slab)
{
    struct record_group *group = take_closed(records);
    if (group == NULL && *slab != NULL) {
        (*slab)->next = load_relaxed(&records->slabs);
        store_release(&records->slabs, *slab);  /* release: collections find it filled in */
        *slab = NULL;
        group = take_closed(records);
    }
    if (group != NULL) {
        store_relaxed(&group->records, block);
        put_into_open(records, group);
    }
    return group;
}

/* Brings another group. False with ENOMEM. What has to be allocated is allocated first. */
static bool grow(struct records *records)
{
    char *block = collector_alloc_root(records->size * RECORDS_PER_GROUP);
    struct record_slab *slab = NULL;
    struct record_group *group = NULL;
    while (block != NULL && group == NULL) {
        spin_acquire(&records_lock);
        group = open_group(records, block, &slab);
        spin_release(&records_lock);
        if (group == NULL && (slab = new_slab(records)) == NULL)
            break;
    }
    if (slab != NULL)
        pages_free(slab, RECORD_SLAB_BYTES);
    if (group != NULL)
        return true;
    if (block != NULL)
        collector_free_root(block);
    errno = ENOMEM;
    return false;
}

void *records_take(struct records *records)
{
    for (;;) {
        spin_acquire(&records_lock);
        void *record = take(records);
        spin_release(&records_lock);
        if (record != NULL || !grow(records))
            return record;
    }
}

void records_give(void *record)
{
    struct record_state *state = ((struct record_head *)record)->state;
    struct record_slab *slab = (struct record_slab *)((uintptr_t)state & -(uintptr_t)RECORD_SLAB_BYTES);
    struct records *records = slab->records;
    struct record_group *group = &slab->groups[((uintptr_t)state - (uintptr_t)slab) / PAGE_BYTES - 1];
    memset(record, 0, records->size);
    store_relaxed(&state->hidden_object, (uintptr_t)group->free);
    group->free = state;
    if (group->used-- == RECORDS_PER_GROUP)
        put_into_open(records, group);
    if (group->used > 0)
        return;
    if (records->spare == NULL) {
        records->spare = group;
        return;
    }
    take_out_of_open(records, group);
    records->surplus = put_in_front(group, records->surplus);
    store_relaxed(&records->has_surplus, true);
}

/* ---- Memory ---- */

void records_release_slowly(struct records *records)
{
    spin_acquire(&records_lock);
    struct record_group *group = records->surplus;
    records->surplus = NULL;
    store_relaxed(&records->has_surplus, false);
    spin_release(&records_lock);
    while (group != NULL) {
        struct record_group *next = group->next;
        char *block = load_relaxed(&group->records);
        store_relaxed(&group->records, NULL);
        store_relaxed(&group->begun, 0u);
        group->free = NULL;
        collector_free_root(block);
        pages_give_back(group->states, PAGE_BYTES);
        spin_acquire(&records_lock);
        records->closed = put_in_front(group, records->closed);
        spin_release(&records_lock);
        group = next;
    }
}

size_t records_groups(struct records *records)
{
    size_t count = 0;
    struct record_slab *slab = load_acquire(&records->slabs);   /* acquire: it is filled in */
    unsigned index = 0;
    for (struct record_group *group; (group = next_group(&slab, &index)) != NULL;)
        count += load_relaxed(&group->records) != NULL;
    return count;
}

void records_fork_prepare(void)
{
    spin_acquire(&records_lock);
}

void records_fork_done(void)
{
    spin_release(&records_lock);
}
