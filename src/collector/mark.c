/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "collector/mark.h"

#include "base/pages.h"
#include "base/sync.h"
#include "collector/collector.h"

/* Room for what most collections need; where one needs more, the stack doubles. */
#define FIRST_BYTES ((size_t)64 << 10)
#define KEPT_BYTES ((size_t)256 << 10)     /* not given back after each collection */
enum { ROOM_FOR_SPECIAL = 1024 };           /* of most procedures' children */

size_t mark_room_wanted;

static struct pages_once stack;
static size_t depth, deepest;
static bool overflowed, unheard;
static void (*noticed_by)(const void *base);

bool mark_prepare(void)
{
    if (likely(load_acquire(&stack.start) != NULL))   /* acquire: its size is seen in collections */
        return true;
    size_t bytes = mark_room_wanted != 0 ? mark_room_wanted * sizeof(struct collector_range) : FIRST_BYTES;
    return pages_alloc_once(&stack, bytes, bytes);
}

static struct collector_range *stack_start(void)
{
    return load_relaxed(&stack.start);
}

static size_t room(void)
{
    return load_relaxed(&stack.size) / sizeof(struct collector_range);
}

/* During a collection: the system may still have pages. */
static bool grow(void)
{
    return mark_room_wanted == 0 &&
           pages_widen(&stack, 2 * load_relaxed(&stack.size), depth * sizeof(struct collector_range));
}

static void note_depth(void)
{
    if (depth > deepest)
        deepest = depth;
}

static void push(struct collector_range range)
{
    __builtin_prefetch(range.start);
    stack_start()[depth++] = range;
    note_depth();
}

static void search_special(struct collector_range range)
{
    if (room() - depth < ROOM_FOR_SPECIAL)
        (void)grow();
    struct collector_range *bottom = stack_start(),
                           *top = collector_search_special(range, bottom + depth, bottom + room());
    unheard |= noticed_by != NULL;
    if (top == NULL) {
        overflowed = true;
        return;
    }
    depth = (size_t)(top - bottom);
    note_depth();
}

static void search(struct collector_range range)
{
    if (unlikely((range.how & COLLECTOR_RANGE_TAGS) != 0)) {
        search_special(range);
        return;
    }
    const uintptr_t *words = range.start;
    for (size_t i = 0; i < range.how / sizeof *words; i++)
        mark_word(words[i]);
}

void mark_word(uintptr_t word)
{
    struct collector_range contents;
    const void *base = collector_mark_word(word, &contents);
    if (base == NULL)
        return;
    if (contents.how != 0) {
        if (likely(depth < room()) || grow())
            push(contents);
        else
            overflowed = true;
    }
    if (unlikely(noticed_by != NULL))
        noticed_by(base);
}

void mark_contents(const void *base)
{
    /* What is marked is not marked again. */
    bool was_marked = collector_is_marked(base);
    search(collector_mark_anew(base));
    if (!was_marked)
        collector_unmark(base);
}

static void empty_stack(void)
{
    while (depth > 0)
        search(stack_start()[--depth]);
}

/* One of those that were left out, or one whose contents are marked already. */
static void search_again(const void *base)
{
    search(collector_mark_anew(base));
    empty_stack();
}

void mark_drain(void)
{
    empty_stack();
    while (unlikely(overflowed)) {
        overflowed = false;
        collector_each_marked(search_again);
    }
}

bool mark_unheard(void)
{
    bool were = unheard;
    unheard = false;
    return were;
}

void mark_listen(void (*noticed)(const void *base))
{
    noticed_by = noticed;
}

void mark_finish(void)
{
    size_t bytes = deepest * sizeof(struct collector_range);
    if (bytes > KEPT_BYTES)
        pages_give_back(stack_start(), bytes);
    deepest = 0;
    unheard = false;
}
