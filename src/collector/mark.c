#include "config.h"

#include "collector/mark.h"

#include "base/pages.h"
#include "base/sync.h"
#include "collector/collector.h"


/* An object that is left to search. */
struct range {
    const uintptr_t *start;
    size_t words;
};

/* Room for what most collections need; where one needs more, the stack doubles. */
#define FIRST_BYTES ((size_t)64 << 10)
#define KEPT_BYTES ((size_t)256 << 10)     /* not given back after each collection */

size_t mark_room_wanted;

static struct pages_once stack;
static size_t depth, deepest;
static bool overflowed;
static void (*noticed_by)(const void *base);

bool mark_prepare(void)
{
    if (likely(load_acquire(&stack.start) != NULL))   /* acquire: its size is seen in collections */
        return true;
    size_t bytes = mark_room_wanted != 0 ? mark_room_wanted * sizeof(struct range) : FIRST_BYTES;
    return pages_alloc_once(&stack, bytes, bytes);
}

static struct range *stack_start(void)
{
    return load_relaxed(&stack.start);
}

/* Amidst a collection: the system may still have pages. */
static bool grow(void)
{
    return mark_room_wanted == 0 && pages_widen(&stack, 2 * load_relaxed(&stack.size), depth * sizeof(struct range));
}

static void push(const void *base, size_t scan)
{
    __builtin_prefetch(base);
    stack_start()[depth++] = (struct range){base, scan / sizeof(uintptr_t)};
    if (depth > deepest)
        deepest = depth;
}

static void search(struct range range)
{
    for (size_t i = 0; i < range.words; i++)
        mark_word(range.start[i]);
}

void mark_word(uintptr_t word)
{
    size_t scan;
    const void *base = collector_mark_word(word, &scan);
    if (base == NULL)
        return;
    if (scan > 0) {
        if (likely(depth < load_relaxed(&stack.size) / sizeof(struct range)) || grow())
            push(base, scan);
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
    collector_mark(base);
    search((struct range){base, collector_scan_size(base) / sizeof(uintptr_t)});
    if (!was_marked)
        collector_unmark(base);
}

static void empty_stack(void)
{
    while (depth > 0)
        search(stack_start()[--depth]);
}

/* One of those that were left out, or one whose contents are marked already. */
static void search_again(const void *base, size_t scan)
{
    search((struct range){base, scan / sizeof(uintptr_t)});
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

void mark_listen(void (*noticed)(const void *base))
{
    noticed_by = noticed;
}

void mark_finish(void)
{
    size_t bytes = deepest * sizeof(struct range);
    if (bytes > KEPT_BYTES)
        pages_give_back(stack_start(), bytes);
    deepest = 0;
}
