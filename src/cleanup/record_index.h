/* SPDX-License-Identifier: MIT */
/* Records by their objects, for kinds of which an object has one record at most: an array of their states, open
 * addressing with linear probing.
 *
 * Threads: everything but record_index_fit and record_index_narrow is called while no collection runs and none can
 * start, or inside one. Those two allocate, and exclude collections by themselves. */
#ifndef HAPAX_RECORD_INDEX_H
#define HAPAX_RECORD_INDEX_H

#include "cleanup/records.h"

struct record_index {
    struct record_state **rows; /* of malloc */
    size_t room, used;          /* the room is a power of two, or 0 */
    atomic_bool is_wide;        /* there is far too much room */
};

/* The state with this hidden object, or NULL. */
struct record_state *record_index_find(const struct record_index *index, uintptr_t hidden_object);
/* There is none with its object yet, and the index is not full. */
void record_index_add(struct record_index *index, struct record_state *state);
/* It is there. */
void record_index_remove(struct record_index *index, uintptr_t hidden_object);

static inline bool record_index_is_full(const struct record_index *index)
{
    return (index->used + 1) * 4 > index->room * 3;
}

/* Makes it as large as it should be. The caller owns nothing. False with ENOMEM. */
bool record_index_fit(struct record_index *index);
/* The same if most of the room is not needed any more; cheap if it is. Leaves errno alone. */
void record_index_narrow(struct record_index *index);

#endif
