/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie/lines.h"

#include "collector/collector.h"

#include <string.h>

/* ---- Stripes ---- */

struct trie_stripe trie_stripes[STRIPES];
atomic_uint trie_generation = 1;
spin_lock trie_children_lock;

void trie_wait_and_own_stripe(atomic_count *version)
{
    for (unsigned turns = 0;;) {
        uint64_t seen = load_relaxed(version);
        if ((seen & 1) == 0 && own_stripe(version, seen))
            return;
        sync_wait_step(&turns);
    }
}

void trie_own_all_stripes(const struct trie *trie)
{
    /* In the order of their addresses, as everybody who owns several. */
    for (unsigned i = 0; i < STRIPES; i++)
        if ((i - trie->stripe) % STRIPES < STRIPES_OF_A_TRIE)
            trie_wait_and_own_stripe(&trie_stripes[i].version);
}

void trie_leave_all_stripes(const struct trie *trie)
{
    for (unsigned i = 0; i < STRIPES_OF_A_TRIE; i++)
        leave_stripe(&trie_stripes[(trie->stripe + i) % STRIPES].version);
}

/* ---- Chains ---- */

static struct trie_line *take_child(struct trie *trie)
{
    spin_acquire(&trie_children_lock);
    struct trie_line *child = trie->child_free;
    if (child != NULL) {
        trie->child_free = next_line(child);
        store_relaxed(&child->words[LINE_WORDS - 1], (uintptr_t)0);
    } else if (trie->child_next < trie->child_end) {
        child = trie->child_next++;
    }
    if (child != NULL)
        trie->children_used++;
    spin_release(&trie_children_lock);
    return child;
}

/* The child is empty and no longer linked. A search that is still in it goes on through free lines, or those of another
 * chain, and then finds that its stripe has changed. */
static void give_child(struct trie *trie, struct trie_line *child)
{
    spin_acquire(&trie_children_lock);
    struct trie_line *next = trie->child_free;
    store_relaxed(&child->words[LINE_WORDS - 1], next != NULL ? (uintptr_t)next | TRIE_LINK : 0);
    trie->child_free = child;
    trie->children_used--;
    spin_release(&trie_children_lock);
}

static struct trie_line *last_line(struct trie_line *line)
{
    for (struct trie_line *next; (next = next_line(line)) != NULL;)
        line = next;
    return line;
}

/* The strong object of an entry whose stripe is owned, or NULL where it is tentative or was just evicted. */
static void *owned_strong(atomic_word *place, uintptr_t *word)
{
    *word = load_acquire(place);
    return is_entry(*word) && (*word & TRIE_TENTATIVE) == 0 ? trie_strong(place, *word) : NULL;
}

/* Appends an empty line to a chain whose last line is full: the entry in its last word moves along. False where it
 * cannot be moved now. The stripe is owned. */
static bool append_line(struct trie_line *last, struct trie_line *child)
{
    atomic_word *place = &last->words[LINE_WORDS - 1];
    uintptr_t word;
    void *object = owned_strong(place, &word);
    if (object == NULL)
        return false;
    store_relaxed(&child->words[0], word);
    /* Release: the child is filled before it is linked. The object is held, so the word has not changed. */
    store_release(place, (uintptr_t)child | TRIE_LINK);
    keep_reachable(object);
    return true;
}

enum step trie_place_in_chain(struct trie *trie, struct trie_line *home, uint64_t hash, atomic_word **place)
{
    for (struct trie_line *line = home; line != NULL; line = next_line(line))
        if ((*place = empty_place(line, hash)) != NULL)
            return STEP_DONE;
    struct trie_line *child = take_child(trie);
    if (child == NULL)
        return STEP_MORE_CHILDREN;
    if (!append_line(last_line(home), child)) {
        give_child(trie, child);
        return STEP_UNSETTLED;
    }
    *place = &child->words[1];
    return STEP_DONE;
}

static bool has_no_entry(const struct trie_line *line)
{
    for (unsigned i = 0; i < LINE_WORDS; i++)
        if (is_entry(load_relaxed(&line->words[i])))
            return false;
    return true;
}

void trie_drop_empty_line(struct trie *trie, struct trie_line *line)
{
    for (struct trie_line *next; (next = next_line(line)) != NULL; line = next) {
        if (!has_no_entry(next))
            continue;
        /* Release: whoever follows the link finds its line as filled as through the one that goes. */
        store_release(&line->words[LINE_WORDS - 1], load_relaxed(&next->words[LINE_WORDS - 1]));
        give_child(trie, next);
        return;
    }
}

/* ---- Moving entries ---- */

/* The strong object of an entry, or NULL where there is none; false where it is tentative. The stripe is owned. */
static inline bool settled_entry(atomic_word *place, struct trie_object **object)
{
    uintptr_t word;
    while ((*object = owned_strong(place, &word)) == NULL && is_entry(word))
        if (word & TRIE_TENTATIVE)
            return false;
    return true;
}

enum step trie_hold_entries(struct trie_line *line, uint64_t bits, struct hold *hold)
{
    hold->count = 0;
    for (; line != NULL; line = next_line(line)) {
        for (unsigned i = 0; i < LINE_WORDS; i++) {
            struct trie_object *object;
            if (!settled_entry(&line->words[i], &object))
                return STEP_UNSETTLED;
            if (object == NULL || (bits != 0 && (object->hash & bits) == 0))
                continue;
            if (hold->count < hold->room) {
                hold->objects[hold->count] = object;
                if (unlikely(hold->is_told))
                    collector_wrote(hold->objects);
                keep_reachable(object);
            }
            hold->count++;
        }
    }
    return hold->count <= hold->room ? STEP_DONE : STEP_MORE_HOLD;
}

bool trie_hold_more(struct hold *hold, void **on_stack)
{
    size_t room = hold->count + hold->count / 2;
    void **objects = collector_alloc_root(room * sizeof *objects);
    if (objects == NULL)
        return false;
    if (hold->objects != on_stack)
        collector_free_root(hold->objects);
    hold->objects = objects;
    hold->room = room;
    hold->is_told = true;
    return true;
}

static void erase_entry(struct trie_line *line, const struct trie_object *object)
{
    uintptr_t entry = entry_of(object, object->hash);
    for (; line != NULL; line = next_line(line))
        for (unsigned i = 0; i < LINE_WORDS; i++)
            if (load_relaxed(&line->words[i]) == entry) {
                store_relaxed(&line->words[i], (uintptr_t)0);
                return;
            }
}

/* Pulls entries of further lines into holes nearer to the root, as far as that can be done now. The stripe is owned. */
static void tighten_chain(struct trie *trie, struct trie_line *home)
{
    for (struct trie_line *line; (line = last_line(home)) != home;) {
        for (unsigned i = 0; i < LINE_WORDS; i++) {
            uintptr_t word;
            struct trie_object *object = owned_strong(&line->words[i], &word);
            if (object == NULL && is_entry(word))
                return;
            if (object == NULL)
                continue;
            atomic_word *place = NULL;
            for (struct trie_line *at = home; at != line && place == NULL; at = next_line(at))
                place = empty_place(at, object->hash);
            if (place == NULL)
                return;
            store_relaxed(place, word);
            store_relaxed(&line->words[i], (uintptr_t)0);
            keep_reachable(object);
        }
        trie_drop_empty_line(trie, home);
    }
}

enum step trie_move_entries(struct trie *trie, struct trie_line *from, struct trie_line *to, uint64_t bits,
                            struct hold *hold)
{
    enum step step = trie_hold_entries(from, bits, hold);
    if (step != STEP_DONE)
        return step;
    size_t moved = 0;
    for (atomic_word *place; moved < hold->count; moved++) {
        const struct trie_object *object = hold->objects[moved];
        step = trie_place_in_chain(trie, to, object->hash, &place);
        if (step != STEP_DONE)
            break;
        store_relaxed(place, entry_of(object, object->hash));
        erase_entry(from, object);
    }
    /* Take back what was moved where not everything could be. Its old places are still empty. */
    while (step != STEP_DONE && moved-- > 0) {
        const struct trie_object *object = hold->objects[moved];
        atomic_word *place;
        erase_entry(to, object);
        trie_place_in_chain(trie, from, object->hash, &place);
        store_relaxed(place, entry_of(object, object->hash));
    }
    tighten_chain(trie, from);
    /* The array is searched by the collector until here; nothing stays held by what is left in it. */
    memset(hold->objects, 0, hold->count * sizeof *hold->objects);
    keep_reachable(hold->objects);
    return step;
}

enum step trie_split_line(struct trie_line *below, struct trie_line *above, uint64_t bit)
{
    void *held[LINE_WORDS];
    unsigned char from[LINE_WORDS];
    unsigned count = 0, used = 0;
    for (unsigned i = 0; i < LINE_WORDS; i++) {
        struct trie_object *object;
        if (!settled_entry(&below->words[i], &object))
            return STEP_UNSETTLED;
        if (object == NULL)
            continue;
        held[count] = object;
        from[count] = (unsigned char)i;
        count += (object->hash & bit) != 0;
    }
    keep_reachable(held);
    for (unsigned i = 0; i < count; i++) {
        unsigned place = trie_favourite(((struct trie_object *)held[i])->hash);
        if (used >> place & 1)
            place = (unsigned)__builtin_ctz(~used);
        used |= 1u << place;
        store_relaxed(&above->words[place], load_relaxed(&below->words[from[i]]));
        store_relaxed(&below->words[from[i]], (uintptr_t)0);
    }
    /* Searched by the collector until here; nothing stays held by what is left in it. */
    memset(held, 0, sizeof held);
    keep_reachable(held);
    return STEP_DONE;
}
