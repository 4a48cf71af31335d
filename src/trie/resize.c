/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie/trie.h"

#include "base/pages.h"
#include "collector/collector.h"
#include "trie/lines.h"

#include <errno.h>
#include <string.h>

enum {
#ifndef HAPAX_HARD_TESTS
    HELP_LINES = 4,                         /* lines that an insert splits while the root grows */
    HOLD_ON_STACK = 256,
    COMMIT_BYTES = 256 << 10,               /* children become usable in steps of this */
    SHRINK_FLOOR = 1024,
#else
    HELP_LINES = 2,
    HOLD_ON_STACK = 4,
    COMMIT_BYTES = 4096,
    SHRINK_FLOOR = 2 * FIRST_LINES,
#endif
};
#define HUGE_PAGE ((size_t)2 << 20)

/* Grow at five entries a line on average: one in fifteen lines then overflows. Shrink far below, so that a count that
 * goes up and down makes neither. */
#define TOO_MANY(lines) ((lines)*5)
#define TOO_FEW(lines) ((lines) / 2)

/* ---- The region ---- */

/* Address space that all tries have reserved. Reserving costs no memory, but a process has 128 terabytes of it. */
static atomic_count reserved_bytes;
#define RESERVED_LIMIT ((uint64_t)16 << 40)

/* Lines for as many entries as this machine can hold: an entry takes 13 bytes of root and at least 32 of value. */
static size_t lines_to_reserve(void)
{
    size_t want = pages_physical() / 4, bytes = HUGE_PAGE;
    while (bytes < want)
        bytes *= 2;
    uint64_t left = RESERVED_LIMIT - load_relaxed(&reserved_bytes);
    while (bytes > HUGE_PAGE && bytes > left / 64)
        bytes /= 2;
    return bytes / LINE_BYTES;
}

/* [lines | further lines], of the same size. */
static bool region_new(struct trie_region *region)
{
    for (size_t lines = lines_to_reserve(); lines >= HUGE_PAGE / LINE_BYTES; lines /= 4) {
        size_t size = 2 * lines * LINE_BYTES;
        char *start = pages_reserve(size, HUGE_PAGE);
        if (start == NULL)
            continue;
        if (!pages_commit(start, FIRST_LINES * LINE_BYTES) || !pages_commit(start + size / 2, COMMIT_BYTES)) {
            pages_free(start, size);
            return false;
        }
        add_relaxed(&reserved_bytes, size);
        *region = (struct trie_region){start, size, lines, FIRST_LINES * LINE_BYTES};
        return true;
    }
    return false;
}

void trie_region_free(struct trie_region *region)
{
    if (region->size == 0)
        return;
    sub_relaxed(&reserved_bytes, region->size);
    pages_free(region->start, region->size);
}

/* Makes the lines below `lines` usable. The resizer calls it. */
static bool region_commit(struct trie_region *region, uint64_t lines)
{
    size_t bytes = lines * LINE_BYTES;
    if (lines > region->max_lines)
        return false;
    if (bytes <= region->line_bytes)
        return true;
    if (!pages_commit((char *)region->start + region->line_bytes, bytes - region->line_bytes))
        return false;
    region->line_bytes = bytes;
    return true;
}

/* ---- Moving out ---- */

static bool begin_resize(struct trie *trie)
{
    unsigned now = load_relaxed(&trie_generation), seen = load_relaxed(&trie->resizer);
    /* Acquire: what the last resizer wrote is seen. One of an earlier generation stayed behind in the parent. */
    return seen != now && cas_acquire(&trie->resizer, &seen, now);
}

static void end_resize(struct trie *trie)
{
    store_release(&trie->resizer, 0u);   /* release: the next resizer sees what was written */
}

/* Holds all objects of a trie that still has its first lines; owns all its stripes then. */
static size_t hold_all(struct trie *trie, void **objects, size_t room)
{
    struct trie_line *lines = load_relaxed(&trie->lines);
    for (;;) {
        trie_own_all_stripes(trie);
        enum step step = STEP_DONE;
        size_t count = 0;
        for (unsigned i = 0; step == STEP_DONE && i < FIRST_LINES; i++) {
            struct hold hold = {objects + count, room - count, 0, false};
            step = trie_hold_entries(&lines[i], 0, &hold);
            count += hold.count;
        }
        if (step == STEP_DONE)
            return count;
        trie_leave_all_stripes(trie);
        collector_wait();
    }
}

static void first_children(struct trie *trie, const struct trie_region *region)
{
    char *children = (char *)region->start + region->size / 2;
    spin_acquire(&trie_children_lock);
    trie->child_next = (struct trie_line *)children;
    trie->child_end = (struct trie_line *)(children + COMMIT_BYTES);
    trie->child_limit = (struct trie_line *)(children + region->size / 2);
    trie->child_free = NULL;
    trie->children_used = 0;
    spin_release(&trie_children_lock);
}

/* Moves the trie from its first lines, which are collected memory, into a region where it can grow: as many lines, each
 * entry in the line of the same number. The resizer owns all stripes meanwhile. */
static bool move_out(struct trie *trie)
{
    struct trie_region region = {0};
    if (!region_new(&region))
        return false;
    void *held[(FIRST_LINES + FIRST_CHILDREN) * LINE_WORDS];
    size_t count = hold_all(trie, held, sizeof held / sizeof *held);
    struct trie_line *old = load_relaxed(&trie->lines), *lines = region.start;
    uint64_t shape = load_relaxed(&trie->shape);
    first_children(trie, &region);
    for (size_t i = 0; i < count; i++) {
        const struct trie_object *object = held[i];
        atomic_word *place;
        /* There are many more further lines than before, and everything is held: this cannot fail. */
        trie_place_in_chain(trie, &lines[home_index(shape, object->hash)], object->hash, &place);
        store_relaxed(place, entry_of(object, object->hash));
    }
    /* A search that still has the old lines finds them emptying, and then that its stripe has changed. Release: the new
     * lines are filled. */
    store_release(&trie->lines, lines);
    for (unsigned i = 0; i < FIRST_LINES + FIRST_CHILDREN; i++)
        for (unsigned j = 0; j < LINE_WORDS; j++)
            store_relaxed(&old[i].words[j], (uintptr_t)0);
    *trie->region = region;
    store_release(&trie->moved_out, true);   /* release: the region is filled in */
    trie_leave_all_stripes(trie);
    memset(held, 0, count * sizeof *held);
    keep_reachable(held);
    collector_wrote(trie);
    return true;
}

/* Makes further lines usable. The children lock is not held. */
static bool commit_children(struct trie *trie)
{
    /* Committing twice what another thread has committed is harmless; the end only moves on from where it was. */
    spin_acquire(&trie_children_lock);
    struct trie_line *end = trie->child_end, *limit = trie->child_limit;
    bool room = trie->child_next < end;
    spin_release(&trie_children_lock);
    if (room)
        return true;
    if (end == limit || !pages_commit(end, COMMIT_BYTES)) {
        errno = ENOMEM;
        return false;
    }
    spin_acquire(&trie_children_lock);
    if (trie->child_end == end)
        trie->child_end = end + COMMIT_BYTES / LINE_BYTES;
    spin_release(&trie_children_lock);
    return true;
}

bool trie_make_room(struct trie *trie)
{
    /* Acquire: pairs with move_out. */
    if (load_acquire(&trie->moved_out))
        return commit_children(trie);
    for (unsigned turns = 0; !begin_resize(trie);)
        sync_wait_step(&turns);
    bool moved = load_relaxed(&trie->moved_out) || move_out(trie);
    end_resize(trie);
    if (!moved)
        errno = ENOMEM;
    return moved;
}

/* ---- Growing and shrinking ---- */

/* An attempt that was taken back may have left a further line above. */
static bool are_single(const struct trie_line *below, const struct trie_line *above)
{
    return next_line(below) == NULL && next_line(above) == NULL;
}

/* Splits line `split`, or merges the line above it. The resizer calls it. */
static enum step resize_step(struct trie *trie, bool up, struct hold *hold)
{
    uint64_t shape = load_relaxed(&trie->shape), half = shape_half(shape), split = shape_split(shape);
    uint64_t low = up ? split : split - 1;
    struct trie_line *lines = load_relaxed(&trie->lines), *below = &lines[low], *above = &lines[low + half];
    atomic_count *version = stripe_of(trie, low);
    trie_wait_and_own_stripe(version);
    enum step step = !up                        ? trie_move_entries(trie, above, below, 0, hold)
                     : are_single(below, above) ? trie_split_line(below, above, half)
                                                : trie_move_entries(trie, below, above, half, hold);
    if (step == STEP_DONE)
        /* Release: lines of this shape are filled. */
        store_release(&trie->shape, SHAPE(shape_log(shape), up ? split + 1 : split - 1));
    leave_stripe(version);
    return step;
}

/* Does, owning no stripe, what has to be done before a step can be tried again; false: not now. */
static bool prepare_step(struct trie *trie, enum step step, struct hold *hold, void **on_stack)
{
    switch (step) {
    case STEP_MORE_HOLD:
        return trie_hold_more(hold, on_stack);
    case STEP_MORE_CHILDREN:
        return commit_children(trie);
    default:
        return step == STEP_DONE;
    }
}

static void prefetch_entries(struct trie *trie, uint64_t index)
{
    struct trie_line *line = load_relaxed(&trie->lines) + index;
    for (unsigned i = 0; i < LINE_WORDS; i++)
        __builtin_prefetch((const void *)(load_relaxed(&line->words[i]) & TRIE_ADDRESS));
}

void trie_consider_growth(struct trie *trie, uint64_t count)
{
    uint64_t shape = load_acquire(&trie->shape), half = shape_half(shape);
    bool halfway = shape_split(shape) != half;
    if (load_relaxed(&trie->resizing) || (!halfway && count <= TOO_MANY(2 * half)) || !begin_resize(trie))
        return;
    shape = load_relaxed(&trie->shape);
    half = shape_half(shape);
    if (shape_split(shape) != half) {
        /* Left halfway by a resizer that a fork has taken away. */
        store_relaxed(&trie->resizing, true);
    } else if (count > TOO_MANY(2 * half) && (load_relaxed(&trie->moved_out) || move_out(trie)) &&
               region_commit(trie->region, 4 * half)) {
        /* The same lines, differently said. Release: the lines above are usable. Where no memory is to be had, chains
         * grow instead. */
        store_release(&trie->shape, SHAPE(shape_log(shape) + 1, UINT64_C(0)));
        store_relaxed(&trie->resizing, true);
    }
    end_resize(trie);
}

void trie_help(struct trie *trie)
{
    if (likely(!load_relaxed(&trie->resizing)) || !begin_resize(trie))
        return;
    void *on_stack[HOLD_ON_STACK];
    struct hold hold = {on_stack, HOLD_ON_STACK, 0, false};
    for (unsigned i = 0; i < HELP_LINES && load_relaxed(&trie->resizing); i++) {
        uint64_t shape = load_relaxed(&trie->shape), half = shape_half(shape), split = shape_split(shape);
        if (split == half) {
            /* A fork has taken the resizer away between the last line and this. */
            store_relaxed(&trie->resizing, false);
            break;
        }
        if (split + HELP_LINES < half)
            prefetch_entries(trie, split + HELP_LINES);
        enum step step = resize_step(trie, true, &hold);
        if (!prepare_step(trie, step, &hold, on_stack))
            break;
        if (split >= half / 2 && load_relaxed(&trie->mask) < half)
            /* From here on most entries of the upper lines are there. Release: the lines are usable. */
            store_release(&trie->mask, 2 * half - 1);
        if (step == STEP_DONE && split + 1 == half)
            store_relaxed(&trie->resizing, false);
    }
    if (hold.objects != on_stack)
        collector_free_root(hold.objects);
    end_resize(trie);
}

void trie_shrink(struct trie *trie, uint64_t count)
{
    if (load_relaxed(&trie->resizing) || !begin_resize(trie))
        return;
    void *on_stack[HOLD_ON_STACK];
    struct hold hold = {on_stack, HOLD_ON_STACK, 0, false};
    while (!load_relaxed(&trie->resizing)) {
        uint64_t shape = load_relaxed(&trie->shape), half = shape_half(shape), split = shape_split(shape);
        if (split == 0) {
            /* Halved. The same lines, differently said. */
            store_release(&trie->shape, SHAPE(shape_log(shape) - 1, half / 2));
            pages_give_back(load_relaxed(&trie->lines) + half, half * LINE_BYTES);
            continue;
        }
        if (split == half) {
            if (half * 2 <= SHRINK_FLOOR || count >= TOO_FEW(half * 2))
                break;
            store_relaxed(&trie->mask, half - 1);
        }
        enum step step = resize_step(trie, false, &hold);
        if (step == STEP_UNSETTLED)
            collector_wait();
        else if (!prepare_step(trie, step, &hold, on_stack))
            break;
    }
    /* Stopped halfway: inserts split the lines again, as if the root grew. */
    uint64_t shape = load_relaxed(&trie->shape);
    if (shape_split(shape) != shape_half(shape))
        store_relaxed(&trie->resizing, true);
    if (hold.objects != on_stack)
        collector_free_root(hold.objects);
    end_resize(trie);
}
