/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie/trie.h"

#include "collector/collector.h"
#include "trie/lines.h"
#include "trie/nodes.h"
#include "trie/root.h"

#include <string.h>

enum {
#ifndef HAPAX_HARD_TESTS
    HOLD_ON_STACK = 256,
    SHRINK_FLOOR_LOG = SMALL_LOG + 1,
    GIVE_BACK_LINES = 4096,                 /* at once, while a stripe is owned */
#else
    HOLD_ON_STACK = 4,
    SHRINK_FLOOR_LOG = SMALL_LOG,
    GIVE_BACK_LINES = 64,
#endif
    /* Lines that one writer splits or merges at once: a run, whose entries the processor fetches together. */
    STEP_LINES = RUN > 2 ? RUN : 2,
};

/* Grow at five entries a line on average: one in fifteen lines then overflows. Sooner while the trie is small and a
 * line does overflow. Shrink far below, so that a count that goes up and down makes neither. */
#define TOO_MANY(lines) ((lines)*5)
#define CROWDED(lines) ((lines)*4)
#define TOO_FEW(lines) ((lines) / 2)

static uint64_t lines_of(unsigned level)
{
    return UINT64_C(1) << level;
}

/* ---- The lines of a stripe ---- */

static bool is_small(struct trie *trie)
{
    return stripe_mask_of(trie) == 0;
}

/* They come in runs, of which a large trie has one for each stripe, and then again one for each. */
static uint64_t first_line(unsigned stripe)
{
    return (uint64_t)stripe * RUN;
}

static uint64_t line_after(bool small, uint64_t line)
{
    return small || (line + 1) % RUN != 0 ? line + 1 : line + 1 - RUN + (RUN << STRIPES_LOG);
}

static uint64_t line_before(bool small, uint64_t line)
{
    return small || line % RUN != 0 ? line - 1 : line - 1 + RUN - (RUN << STRIPES_LOG);
}

/* The last line of the stripe below half. */
static uint64_t last_line(bool small, unsigned stripe, uint64_t half)
{
    return small ? half - 1 : half - (RUN << STRIPES_LOG) + first_line(stripe) + RUN - 1;
}

/* Whether all lines of a stripe that exist at this level have been split into those that come with it. */
static bool stripe_is_split(struct trie *trie, unsigned level, unsigned stripe)
{
    uint64_t shape = load_acquire(&load_acquire(&trie->shapes)[stripe]);
    return shape_log(shape) > level || (shape_log(shape) == level && shape_split(shape) >= shape_half(shape));
}

/* Whether none has. */
static bool stripe_is_merged(struct trie *trie, unsigned level, unsigned stripe)
{
    return load_acquire(&load_acquire(&trie->shapes)[stripe]) == SHAPE(level, first_line(stripe));
}

static bool all_stripes(struct trie *trie, unsigned level, bool (*is_done)(struct trie *, unsigned, unsigned))
{
    for (unsigned stripe = 0; stripe <= stripe_mask_of(trie); stripe++)
        if (!is_done(trie, level, stripe))
            return false;
    return true;
}

/* ---- Splitting and merging lines: the stripe is owned ---- */

/* An attempt that was taken back may have left nodes in the other two. */
static bool is_single(const struct trie_line *line)
{
    return !is_link(last_word(line));
}

static enum step split_line(struct trie *trie, unsigned level, uint64_t index, struct hold *hold)
{
    uint64_t half = lines_of(level - 1);
    struct trie_line *from = root_of_level(trie, level - 1) + index, *low = root_of_level(trie, level) + index;
    struct trie_line *high = low + half;
    return is_single(from) && is_single(low) && is_single(high) ? trie_split_line(trie, from, low, high, half)
                                                                : trie_move_entries(trie, from, low, high, half, hold);
}

static enum step merge_line(struct trie *trie, unsigned level, uint64_t index, struct hold *hold)
{
    struct trie_line *low = root_of_level(trie, level) + index;
    return trie_move_entries(trie, low + lines_of(level - 1), low, low, 0, hold);
}

/* Has the processor fetch what the next step will touch. */
static void prefetch_some(const struct trie_line *root, bool small, uint64_t from, uint64_t half)
{
    uint64_t line = from;
    for (unsigned i = 0; i < STEP_LINES && line < half; i++, line = line_after(small, line))
        __builtin_prefetch(&root[line]);
    line = from;
    for (unsigned i = 0; i < STEP_LINES && line < half; i++, line = line_after(small, line))
        for (unsigned j = 0; j < LINE_WORDS; j++)
            __builtin_prefetch((const void *)(load_relaxed(&root[line].words[j]) & TRIE_ADDRESS));
}

/* From here on most entries of the upper lines are there. */
static void look_further(struct trie *trie, unsigned level)
{
    if (load_relaxed(&trie->mask) == lines_of(level) - 1)
        return;
    /* Release, both: the lines are usable; and a thread that sees the mask sees the root that it is for. */
    store_release(&trie->lines, root_of_level(trie, level));
    store_release(&trie->mask, lines_of(level) - 1);
}

/* Splits lines that are next in their stripe. */
static enum step split_some(struct trie *trie, unsigned stripe, struct hold *hold)
{
    bool small = is_small(trie);
    atomic_count *shape = &load_acquire(&trie->shapes)[stripe];
    unsigned level = load_relaxed(&trie->level);
    if (stripe_is_split(trie, level, stripe))
        return STEP_DONE;
    /* Said anew, where the last level was reached by a root that had begun to shrink. */
    if (shape_log(load_relaxed(shape)) < level)
        store_release(shape, SHAPE(level, first_line(stripe)));
    uint64_t half = lines_of(level - 1), line = shape_split(load_relaxed(shape));
    prefetch_some(root_of_level(trie, level - 1), small, line, half);
    enum step step = STEP_DONE;
    for (unsigned i = 0; i < STEP_LINES && line < half; i++, line = line_after(small, line))
        if ((step = split_line(trie, level, line, hold)) != STEP_DONE)
            break;
    /* Before the stripe says that it is done: afterwards the next level may begin. */
    if (line >= half / 2)
        look_further(trie, level);
    /* Release: lines of this shape are filled. */
    store_release(shape, line < half ? SHAPE(level, line) : SHAPE(level + 1, first_line(stripe)));
    return step;
}

/* Merges lines that were split last in their stripe. */
static enum step merge_some(struct trie *trie, unsigned stripe, struct hold *hold)
{
    bool small = is_small(trie);
    atomic_count *shape = &load_acquire(&trie->shapes)[stripe];
    unsigned level = load_relaxed(&trie->level);
    uint64_t half = lines_of(level - 1);
    /* A collection may come in between: it is to look for entries in both lines. */
    if (stripe_is_split(trie, level, stripe))
        store_release(shape, SHAPE(level, half + first_line(stripe)));
    enum step step = STEP_DONE;
    for (unsigned i = 0; i < STEP_LINES && step == STEP_DONE && !stripe_is_merged(trie, level, stripe); i++) {
        uint64_t split = shape_split(load_relaxed(shape));
        uint64_t line = split >= half ? last_line(small, stripe, half) : line_before(small, split);
        step = merge_line(trie, level, line, hold);
        if (step == STEP_DONE)
            store_release(shape, SHAPE(level, line));   /* release: as in split_some */
    }
    return step;
}

/* ---- Levels: changed by the owner of all stripes ---- */

/* From now on a run of lines has one stripe, the next run another. */
static void give_stripes(struct trie *trie, unsigned level, atomic_count *shapes)
{
    for (unsigned stripe = 0; stripe < STRIPES_OF_A_TRIE; stripe++)
        store_relaxed(&shapes[stripe], SHAPE(level + 1, first_line(stripe)));
    /* Release, both: they are filled in, and seen by a thread that sees how many there are. */
    store_release(&trie->shapes, shapes);
    store_release(&trie->stripe_mask, (unsigned char)(STRIPES_OF_A_TRIE - 1));
}

/* Doubles the root: inserts then split its lines, each in its own stripe. Where other threads are first, it is theirs
 * that is taken. False where memory is short. */
static bool begin_level(struct trie *trie, unsigned level)
{
    struct trie_line *root = root_of_level(trie, level), *wide = root;
    struct trie_region *region = NULL;
    atomic_count *shapes = NULL;
    if (level == SMALL_LOG) {
        shapes = (atomic_count *)trie_alloc_lines((STRIPES_OF_A_TRIE + LINE_WORDS - 1) / LINE_WORDS);
        if (shapes == NULL)
            return false;
    }
    if (!trie_root_widen(trie, root, lines_of(level + 1)) &&
        (wide = trie_root_new(lines_of(level + 1), &region)) == NULL)
        return false;
    unsigned owned = trie_own_all_stripes(trie);
    bool first = load_relaxed(&trie->level) == level && root_of_level(trie, level) == root &&
                 all_stripes(trie, level, stripe_is_split);
    if (first) {
        if (region != NULL) {
            region->older = load_relaxed(&trie->outside->newest);
            store_release(&trie->outside->newest, region);  /* release: it is filled in */
        }
        if (level == SMALL_LOG && is_small(trie))
            give_stripes(trie, level, shapes);
        store_release(&trie->roots[(level + 1) & 1], wide);
        store_release(&trie->level, (unsigned char)(level + 1)); /* release: the root is there */
        store_relaxed(&trie->movement, TRIE_GROWS);
    }
    trie_leave_stripes(trie, owned);
    collector_wrote(trie);
    /* Until the collector knows of what leads to them: a collection that ends before must find them here. */
    keep_reachable(wide);
    keep_reachable(shapes);
    if (!first && region != NULL)
        trie_free_outside(&(struct trie_outside){region});
    return true;
}

/* After a step: all may be split. Then nobody looks into the old root any more but who is late. */
static void end_level(struct trie *trie)
{
    unsigned level = load_relaxed(&trie->level);
    if (load_relaxed(&trie->movement) != TRIE_GROWS || !all_stripes(trie, level, stripe_is_split))
        return;
    struct trie_line *old = NULL;
    atomic_count *version = trie_own_first_stripe(trie);
    if (load_relaxed(&trie->level) == level && load_relaxed(&trie->movement) == TRIE_GROWS &&
        all_stripes(trie, level, stripe_is_split)) {
        old = root_of_level(trie, level - 1);
        if (old == root_of_level(trie, level))
            old = NULL;
        store_relaxed(&trie->roots[(level - 1) & 1], root_of_level(trie, level));
        store_relaxed(&trie->movement, TRIE_RESTS);
    }
    leave_stripe(version);
    collector_wrote(trie);
    if (old != NULL)
        trie_root_retire(trie, old);
}

/* ---- Growing ---- */

/* Does, owning no stripe, what has to be done before a step can be tried again; false: not now. */
static bool prepare_step(struct trie *trie, enum step step, struct hold *hold, void **on_stack)
{
    switch (step) {
    case STEP_MORE_HOLD:
        return trie_hold_more(hold, on_stack);
    case STEP_MORE_NODES:
        return trie_add_nodes(trie);
    default:
        return false;
    }
}

bool trie_help(struct trie *trie, uint64_t hash)
{
    void *on_stack[HOLD_ON_STACK];
    struct hold hold = {on_stack, HOLD_ON_STACK, 0, false};
    enum step step;
    uint64_t before, after;
    if (stripe_is_split(trie, load_acquire(&trie->level), (unsigned)(hash >> RUN_LOG) & stripe_mask_of(trie)))
        return false;
    do {
        atomic_count *version = trie_own_stripe_of(trie, hash), *shape = shape_of(trie, hash, stripe_mask_of(trie));
        before = load_relaxed(shape);
        step = split_some(trie, (unsigned)(hash >> RUN_LOG) & stripe_mask_of(trie), &hold);
        after = load_relaxed(shape);
        leave_stripe(version);
    } while (step != STEP_DONE && prepare_step(trie, step, &hold, on_stack));
    if (hold.objects != on_stack)
        collector_free_root(hold.objects);
    if (shape_log(after) > shape_log(before))
        end_level(trie);
    return after != before;
}

/* Where hashes are poor, some stripes get few inserts, and are behind. */
static void help_all(struct trie *trie, unsigned level)
{
    for (unsigned stripe = 0; stripe <= stripe_mask_of(trie); stripe++)
        if (!stripe_is_split(trie, level, stripe))
            trie_help(trie, first_line(stripe));
}

/* It shrank, and perhaps nobody goes on with that. */
static void grow_again(struct trie *trie)
{
    atomic_count *version = trie_own_first_stripe(trie);
    if (load_relaxed(&trie->movement) == TRIE_SHRINKS)
        store_relaxed(&trie->movement, TRIE_GROWS);
    leave_stripe_unchanged(version);
}

void trie_consider_growth(struct trie *trie, uint64_t count)
{
    unsigned level = load_acquire(&trie->level);
    uint64_t lines = lines_of(level);
    if (count > TOO_MANY(lines) && all_stripes(trie, level, stripe_is_split)) {
        end_level(trie);
        /* Where no memory is to be had, lines overflow. */
        (void)begin_level(trie, level);
    } else if (count > TOO_MANY(lines / 2) && load_relaxed(&trie->movement) == TRIE_SHRINKS) {
        grow_again(trie);
    } else if (count > TOO_MANY(lines)) {
        help_all(trie, level);
    }
}

bool trie_make_room(struct trie *trie, uint64_t count)
{
    unsigned level = load_acquire(&trie->level);
    if (is_small(trie) && load_relaxed(&trie->movement) == TRIE_GROWS && trie_help(trie, 0))
        return true;
    if (level < SMALL_LOG && count > CROWDED(lines_of(level)) && all_stripes(trie, level, stripe_is_split) &&
        begin_level(trie, level))
        return true;
    return trie_add_nodes(trie);
}

/* ---- Shrinking ---- */

/* The lines of the upper half are merged into the others, or somebody has begun with that. */
static bool begin_merging(struct trie *trie, unsigned level)
{
    end_level(trie);
    atomic_count *version = trie_own_first_stripe(trie);
    bool begun = load_relaxed(&trie->level) == level && load_relaxed(&trie->movement) != TRIE_GROWS;
    if (begun) {
        store_relaxed(&trie->movement, TRIE_SHRINKS);
        store_release(&trie->mask, lines_of(level - 1) - 1);
    }
    leave_stripe(version);
    return begun;
}

/* Merges the lines of a stripe; false: not now. */
static bool merge_stripe(struct trie *trie, unsigned level, unsigned stripe, struct hold *hold, void **on_stack)
{
    while (!stripe_is_merged(trie, level, stripe)) {
        atomic_count *version = trie_own_stripe_of(trie, first_line(stripe));
        bool goes_on = load_relaxed(&trie->level) == level && load_relaxed(&trie->movement) == TRIE_SHRINKS;
        enum step step = goes_on ? merge_some(trie, stripe, hold) : STEP_DONE;
        leave_stripe(version);
        if (!goes_on)
            return false;
        if (step == STEP_UNSETTLED)
            collector_wait();
        else if (step != STEP_DONE && !prepare_step(trie, step, hold, on_stack))
            return false;
    }
    return true;
}

static bool end_merging(struct trie *trie, unsigned level)
{
    unsigned owned = trie_own_all_stripes(trie);
    bool merged = load_relaxed(&trie->level) == level && load_relaxed(&trie->movement) == TRIE_SHRINKS &&
                  all_stripes(trie, level, stripe_is_merged);
    if (merged) {
        store_relaxed(&trie->level, (unsigned char)(level - 1));
        store_relaxed(&trie->movement, TRIE_RESTS);
        store_release(&trie->mask, lines_of(level - 1) - 1);
    }
    trie_leave_stripes(trie, owned);
    return merged;
}

/* Of the upper half of the lines that there were, unless they are wanted again. */
static void give_back(struct trie *trie, unsigned level)
{
    uint64_t half = lines_of(level - 1), count = half < GIVE_BACK_LINES ? half : GIVE_BACK_LINES;
    for (uint64_t done = 0; done < half; done += count) {
        atomic_count *version = trie_own_first_stripe(trie);
        bool unused = load_relaxed(&trie->level) < level;
        if (unused)
            trie_root_give_back(trie, root_of_level(trie, level), half + done, count);
        leave_stripe_unchanged(version);
        if (!unused)
            return;
    }
}

void trie_shrink(struct trie *trie, uint64_t count)
{
    void *on_stack[HOLD_ON_STACK];
    struct hold hold = {on_stack, HOLD_ON_STACK, 0, false};
    for (;;) {
        unsigned level = load_acquire(&trie->level);
        if (level <= SHRINK_FLOOR_LOG || count >= TOO_FEW(lines_of(level)) || !begin_merging(trie, level))
            break;
        unsigned stripe = 0;
        while (stripe < STRIPES_OF_A_TRIE && merge_stripe(trie, level, stripe, &hold, on_stack))
            stripe++;
        if (stripe < STRIPES_OF_A_TRIE || !end_merging(trie, level))
            break;
        give_back(trie, level);
    }
    if (hold.objects != on_stack)
        collector_free_root(hold.objects);
}
