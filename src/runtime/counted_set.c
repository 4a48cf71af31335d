#include "config.h"

#include "runtime/counted_set.h"

#include "base/hash.h"
#include "collector/collector.h"

#include <errno.h>
#include <stdlib.h>

enum { FIRST_ROOM = 16 };

struct change {
    struct counted_set *set;
    uintptr_t start;
    size_t size;
    struct counted_range *rows;   /* for growth: new rows, and then the old ones */
    size_t room;                  /* the set's own, and then that of the new rows */
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
        set->used++;
    }
    row->count++;
    change->done = true;
}

static void grow(void *data)
{
    struct change *change = data;
    struct counted_set *set = change->set;
    if (set->room >= change->room)
        return;
    for (size_t i = 0; i < set->room; i++) {
        struct counted_range row = set->rows[i];
        if (row.count != 0)
            change->rows[row_of(change->rows, change->room, row.start, row.size)] = row;
    }
    struct counted_range *old = set->rows;
    set->rows = change->rows;
    set->room = change->room;
    change->rows = old;
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
}

bool counted_set_add(struct counted_set *set, uintptr_t start, size_t size)
{
    for (;;) {
        struct change change = {.set = set, .start = start, .size = size};
        collector_exclude(add, &change);
        if (change.done)
            return true;
        change.room = change.room == 0 ? FIRST_ROOM : change.room * 2;
        change.rows = calloc(change.room, sizeof *change.rows);
        if (change.rows == NULL) {
            errno = ENOMEM;
            return false;
        }
        collector_exclude(grow, &change);
        free(change.rows);
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
    return change.done;
}
