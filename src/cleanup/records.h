/* SPDX-License-Identifier: MIT */
/* Records: what waits for the death of objects, a fixed number of bytes for each.
 *
 * A record has two parts. The record proper lies in memory that the collector searches, so that it keeps its argument
 * alive. Its state lies apart, among other states: a collection goes through these only, sixteen bytes for each object
 * that lives. The address of a state is never used for anything but the state of a record, and reads as zero when there
 * is none, so an address that was kept for long still tells that its record is gone.
 *
 * Records stand in groups. Both memories of a group are given back once none of its records is in use, but for one
 * group, and records are taken from the group that was used last: what is left behind by many is small.
 *
 * Threads: records_lock protects the groups; it is held for a few instructions. Nobody allocates under it. */
#ifndef HAPAX_RECORDS_H
#define HAPAX_RECORDS_H

#include "base/pages.h"
#include "base/sync.h"

struct record_state {
    atomic_count state;         /* 0: no record is in use here */
    atomic_word hidden_object;  /* complement of the base: not seen by the collector. Of a free one: the next */
};

/* What each record begins with. */
struct record_head {
    struct record_state *state;
};

enum {
#ifndef HAPAX_HARD_TESTS
    RECORDS_PER_GROUP = PAGE_BYTES / sizeof(struct record_state) - 1,   /* the collector adds a byte to a block */
    GROUPS_PER_SLAB = 63,
#else
    RECORDS_PER_GROUP = 3,
    GROUPS_PER_SLAB = 3,
#endif
};

/* A page of states, and a block of records. */
struct record_group {
    struct record_state *states;
    char *_Atomic records;      /* NULL: given back */
    atomic_uint begun;          /* the first so many have been used since the memory was there */
    unsigned used;
    struct record_state *free;  /* of those begun */
    struct record_group *next, *before;     /* among those that have room; next: among those given back */
};

/* The headers of the groups whose states follow; aligned to its size. */
struct record_slab {
    struct record_slab *next;
    struct records *records;
    unsigned made;              /* groups */
    struct record_group groups[GROUPS_PER_SLAB];
};
enum { RECORD_SLAB_BYTES = 64 * PAGE_BYTES };

/* All records of one kind. */
struct records {
    size_t size;                            /* bytes of a record */
    struct record_slab *_Atomic slabs;
    struct record_group *open;              /* have room */
    struct record_group *closed;            /* have no memory */
    struct record_group *surplus;           /* none of theirs is in use; memory to give back */
    struct record_group *spare;             /* the one of `open` of which none is in use, or NULL */
    atomic_bool has_surplus;
};

extern spin_lock records_lock;

/* A zeroed record but for its head, whose state is zero; NULL with ENOMEM. The caller owns nothing. */
void *records_take(struct records *records);
/* The record is free; it is emptied. The lock is held. */
void records_give(void *record);
/* Gives back the memory of what records_give has left behind. Cheap where there is none. The caller owns nothing. */
void records_release_slowly(struct records *records);
static inline void records_release(struct records *records)
{
    if (unlikely(load_relaxed(&records->has_surplus)))
        records_release_slowly(records);
}

/* The record of a state, which is in use. */
static inline void *record_of_state(struct record_state *state)
{
    struct record_slab *slab = (struct record_slab *)((uintptr_t)state & -(uintptr_t)RECORD_SLAB_BYTES);
    size_t page = ((uintptr_t)state - (uintptr_t)slab) / PAGE_BYTES - 1;
    struct record_group *group = &slab->groups[page];
    return load_relaxed(&group->records) + (size_t)(state - group->states) * slab->records->size;
}

static inline struct record_group *next_group(struct record_slab **slab, unsigned *index)
{
    while (*slab != NULL && *index == GROUPS_PER_SLAB) {
        *slab = (*slab)->next;
        *index = 0;
    }
    return *slab == NULL ? NULL : &(*slab)->groups[(*index)++];
}

/* for (each state that may be in use), in a collection. Acquire: slabs are filled in. */
#define FOR_EACH_STATE(at, of)                                                                                        \
    struct record_slab *slab_of_##at = load_acquire(&(of)->slabs);                                                    \
    unsigned index_of_##at = 0;                                                                                       \
    for (struct record_group *group; (group = next_group(&slab_of_##at, &index_of_##at)) != NULL;)                    \
        if (load_relaxed(&group->records) != NULL)                                                                    \
            for (struct record_state *at = group->states, *end = at + load_relaxed(&group->begun); at < end; at++)

/* How many groups have memory. */
size_t records_groups(struct records *records);

/* Around a fork: no thread is changing a group. */
void records_fork_prepare(void);
void records_fork_done(void);

#endif
