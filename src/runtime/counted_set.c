/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/counted_set.h"

#include "base/hash.h"
#include "collector/collector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 16 };

struct change {
    struct counted_set *set;
    uintptr_t start;
    size_t size;
    const void *site;
    struct counted_range *rows;   /* the new ones, and then the old ones */
    size_t room;                  /* theirs. What add and take_away answer: the set's own; what it should be, or 0 */
    bool done;
    size_t count;
};

static size_t row_of(const struct counted_range *rows, size_t room, uintptr_t start, size_t size)
{
    size_t row = hash_finish(start ^ hash_finish(size + 1)) & (room - 1);
    while (rows[row].count != 0 && (rows[row].start != start || rows[row].size != size))
        row = (row + 1) & (room - 1);
    return row;
}

static void add(void *data)
{
    struct change *change = data;
    struct counted_set *set = change->set;
    change->room = set->room;
    if (set->room == 0)
        return;
    struct counted_range *row = &set->rows[row_of(set->rows, set->room, change->start, change->size)];
    if (row->count == 0) {
        if (set->used + 1 > set->room / 4 * 3)
            return;
        row->start = change->start;
        row->size = change->size;
        row->site = change->site;
        set->used++;
    }
    row->count++;
    change->done = true;
}

/* How many rows it should have where most are free, or 0. */
static size_t narrower_room(const struct counted_set *set)
{
    if (set->room == FIRST_ROOM || set->used >= set->room / 8)
        return 0;
    return set->room / 4 > FIRST_ROOM ? set->room / 4 : FIRST_ROOM;
}

/* Moves to the new rows, unless they are too few by now. */
static void move(void *data)
{
    struct change *change = data;
    struct counted_set *set = change->set;
    if (set->used + 1 > change->room / 4 * 3)
        return;
    for (size_t i = 0; i < set->room; i++) {
        struct counted_range row = set->rows[i];
        if (row.count != 0)
            change->rows[row_of(change->rows, change->room, row.start, row.size)] = row;
    }
    struct counted_set old = *set;
    set->rows = change->rows;
    set->room = change->room;
    change->rows = old.rows;
    change->room = old.room;
}

/* False with ENOMEM. */
static bool resize(struct counted_set *set, size_t room)
{
    struct change change = {.set = set, .room = room};
    change.rows = calloc(room, sizeof *change.rows);
    if (change.rows == NULL) {
        errno = ENOMEM;
        return false;
    }
    collector_exclude(move, &change);
    /* What malloc gives these rows to next may not write all of them, and is searched. */
    if (change.rows != NULL)
        explicit_bzero(change.rows, change.room * sizeof *change.rows);
    free(change.rows);
    return true;
}

/* Closes the gap: rows behind it that would no longer be found move up (Knuth, volume 3, 6.4, algorithm R). */
static void free_row(struct counted_set *set, size_t gap)
{
    size_t mask = set->room - 1;
    for (size_t at = (gap + 1) & mask; set->rows[at].count != 0; at = (at + 1) & mask) {
        struct counted_range row = set->rows[at];
        set->rows[at] = (struct counted_range){0};
        set->rows[row_of(set->rows, set->room, row.start, row.size)] = row;
    }
}

static void take_away(void *data)
{
    struct change *change = data;
    struct counted_set *set = change->set;
    if (set->room == 0)
        return;
    size_t row = row_of(set->rows, set->room, change->start, change->size);
    if (set->rows[row].count == 0)
        return;
    change->done = true;
    if (--set->rows[row].count != 0)
        return;
    set->rows[row] = (struct counted_range){0};
    set->used--;
    free_row(set, row);
    change->room = narrower_room(set);
}

bool counted_set_add(struct counted_set *set, uintptr_t start, size_t size, const void *site)
{
    for (;;) {
        struct change change = {.set = set, .start = start, .size = size, .site = site};
        collector_exclude(add, &change);
        if (change.done)
            return true;
        if (!resize(set, change.room == 0 ? FIRST_ROOM : change.room * 2))
            return false;
    }
}

static void count(void *data)
{
    struct change *change = data;
    struct counted_set *set = change->set;
    if (set->room != 0)
        change->count = set->rows[row_of(set->rows, set->room, change->start, change->size)].count;
}

size_t counted_set_count(struct counted_set *set, uintptr_t start, size_t size)
{
    struct change change = {.set = set, .start = start, .size = size};
    collector_exclude(count, &change);
    return change.count;
}

bool counted_set_remove(struct counted_set *set, uintptr_t start, size_t size)
{
    struct change change = {.set = set, .start = start, .size = size};
    collector_exclude(take_away, &change);
    if (change.room != 0) {
        int before = errno;
        (void)resize(set, change.room);
        errno = before;
    }
    return change.done;
}
