/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "cleanup/record_index.h"

#include "collector/collector.h"

#include <errno.h>
#include <stdlib.h>

enum { LEAST_ROOM = 64 };

static size_t home_row(const struct record_index *index, uintptr_t object)
{
    return (size_t)(object / COLLECTOR_GRANULE * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (index->room - 1);
}

static size_t next_row(const struct record_index *index, size_t row)
{
    return (row + 1) & (index->room - 1);
}

static uintptr_t object_in(const struct record_index *index, size_t row)
{
    return load_relaxed(&index->rows[row]->hidden_object);
}

/* The row of this object, or the free one where its search ends. There is one. */
static size_t find_row(const struct record_index *index, uintptr_t object)
{
    size_t row = home_row(index, object);
    while (index->rows[row] != NULL && object_in(index, row) != object)
        row = next_row(index, row);
    return row;
}

struct record_state *record_index_find(const struct record_index *index, uintptr_t hidden_object)
{
    return index->room != 0 ? index->rows[find_row(index, hidden_object)] : NULL;
}

void record_index_add(struct record_index *index, struct record_state *state)
{
    index->rows[find_row(index, load_relaxed(&state->hidden_object))] = state;
    index->used++;
}

void record_index_remove(struct record_index *index, uintptr_t hidden_object)
{
    size_t hole = find_row(index, hidden_object), last = index->room - 1;
    index->rows[hole] = NULL;
    index->used--;
    /* What a search would no longer reach moves into the hole. */
    for (size_t row = next_row(index, hole); index->rows[row] != NULL; row = next_row(index, row)) {
        size_t home = home_row(index, object_in(index, row));
        if (((row - home) & last) >= ((row - hole) & last)) {
            index->rows[hole] = index->rows[row];
            index->rows[row] = NULL;
            hole = row;
        }
    }
    if (index->room > LEAST_ROOM && index->used < index->room / 8)
        store_relaxed(&index->is_wide, true);
}

/* ---- Its size ---- */

struct change {
    struct record_index *index;
    struct record_state **rows;     /* the new ones, and then the old ones */
    size_t room;
};

static void ask_room(void *data)
{
    struct change *change = data;
    change->room = LEAST_ROOM;
    while ((change->index->used + 1) * 8 > change->room * 3)
        change->room *= 2;
    store_relaxed(&change->index->is_wide, false);
}

static void take_rows(void *data)
{
    struct change *change = data;
    struct record_index *index = change->index;
    /* Others may have added meanwhile. */
    if (index->used + 1 > change->room / 4 * 3)
        return;
    struct record_state **old = index->rows;
    size_t old_room = index->room;
    index->rows = change->rows;
    index->room = change->room;
    index->used = 0;
    for (size_t row = 0; row < old_room; row++)
        if (old[row] != NULL)
            record_index_add(index, old[row]);
    change->rows = old;
}

bool record_index_fit(struct record_index *index)
{
    struct change change = {.index = index};
    collector_exclude(ask_room, &change);
    change.rows = calloc(change.room, sizeof(struct record_state *));
    if (change.rows == NULL)
        return false;
    collector_exclude(take_rows, &change);
    free(change.rows);
    return true;
}

void record_index_narrow(struct record_index *index)
{
    if (likely(!load_relaxed(&index->is_wide)))
        return;
    int before = errno;
    (void)record_index_fit(index);
    errno = before;
}
