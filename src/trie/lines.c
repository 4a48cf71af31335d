/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie/lines.h"

#include "collector/collector.h"
#include "trie/nodes.h"

#include <string.h>

/* ---- Stripes ---- */

struct trie_stripe trie_stripes[STRIPES];

void trie_wait_and_own_stripe(atomic_count *version)
{
    for (unsigned turns = 0;;) {
        uint64_t seen = load_relaxed(version);
        if ((seen & 1) == 0 && own_stripe(version, seen))
            return;
        sync_wait_step(&turns);
    }
}

atomic_count *trie_own_stripe_of(struct trie *trie, uint64_t hash)
{
    for (;;) {
        unsigned mask = stripe_mask_of(trie);
        atomic_count *version = &trie_stripes[stripe_of(trie, hash, mask)].version;
        trie_wait_and_own_stripe(version);
        /* Meanwhile the trie may have got more stripes, which takes owning the one it had. */
        if (likely(stripe_mask_of(trie) == mask))
            return version;
        leave_stripe_unchanged(version);
    }
}

unsigned trie_own_all_stripes(struct trie *trie)
{
    for (;;) {
        /* In the order of their addresses, as everybody who owns several. */
        unsigned mask = stripe_mask_of(trie);
        for (unsigned i = 0; i < STRIPES; i++)
            if ((i - trie->stripe) % STRIPES <= mask)
                trie_wait_and_own_stripe(&trie_stripes[i].version);
        if (likely(stripe_mask_of(trie) == mask))
            return mask;
        trie_leave_stripes(trie, mask);
    }
}

void trie_leave_stripes(struct trie *trie, unsigned mask)
{
    for (unsigned i = 0; i <= mask; i++)
        leave_stripe(&trie_stripes[(trie->stripe + i) % STRIPES].version);
}

/* ---- The lines below a line ---- */

/* The strong object of an entry, or NULL where there is none. False: it is in doubt, and must not be moved, since the
 * collection looks for it where it stands. The stripe is owned. */
static inline bool settled_entry(struct trie *trie, atomic_word *place, struct trie_object **object)
{
    uintptr_t word;
    void *read;
    enum trie_reading reading = trie_read(trie, place, &word, &read);
    *object = read;
    return reading != TRIE_IN_DOUBT;
}

/* The highest bit that tells the entries of a full line, and a hash that comes to them, apart: the tags say it, as long
 * as they differ. 0 where all 64 bits are equal. */
static enum step telling_bit(struct trie *trie, struct trie_line *line, uint64_t hash, unsigned *bit)
{
    uint64_t differ = 0;
    for (unsigned i = 0; i < LINE_WORDS; i++)
        differ |= (load_relaxed(&line->words[i]) ^ trie_tag(hash)) & TRIE_TAG & ~TRIE_ENTRY;
    for (unsigned i = 0; i < LINE_WORDS && differ == 0; i++) {
        struct trie_object *object;
        if (!settled_entry(trie, &line->words[i], &object))
            return STEP_UNSETTLED;
        if (object != NULL)
            differ = object->hash ^ hash;
    }
    *bit = differ != 0 ? 63 - (unsigned)__builtin_clzll(differ) : 0;
    return STEP_DONE;
}

/* Links a node below a full line: the entry in the line's last word moves into it. */
static enum step append_node(struct trie *trie, struct trie_line *line, uint64_t hash)
{
    unsigned bit;
    enum step step = telling_bit(trie, line, hash, &bit);
    struct trie_node *node = step == STEP_DONE ? trie_take_node(trie) : NULL;
    if (node == NULL)
        return step == STEP_DONE ? STEP_MORE_NODES : step;
    atomic_word *last = &line->words[LINE_WORDS - 1];
    struct trie_object *object;
    if (!settled_entry(trie, last, &object)) {
        trie_give_node(trie, node);
        return STEP_UNSETTLED;
    }
    if (object != NULL)
        store_relaxed(&node->lines[object->hash >> bit & 1].words[trie_favourite(object->hash)],
                      entry_of(object, object->hash));
    /* Release: the node is filled before it is linked. The object is held, so the word has not changed. */
    store_release(last, link_to(node, bit));
    keep_reachable(object);
    return STEP_DONE;
}

enum step trie_place(struct trie *trie, struct trie_line *home, uint64_t hash, atomic_word **place)
{
    for (struct trie_line *line = home, *next;; line = next) {
        if ((*place = empty_place(line, hash)) != NULL)
            return STEP_DONE;
        if ((next = next_line(line, hash)) != NULL)
            continue;
        enum step step = append_node(trie, line, hash);
        if (step != STEP_DONE)
            return step;
        next = next_line(line, hash);
    }
}

static bool has_no_entry(const struct trie_line *line)
{
    for (unsigned i = 0; i < LINE_WORDS; i++)
        if (is_entry(load_relaxed(&line->words[i])))
            return false;
    return true;
}

/* Takes out the nodes just below a line that have no entries, and at most one node below them. */
static void drop_empty_nodes_below(struct trie *trie, struct trie_line *line)
{
    for (uintptr_t word; is_link(word = last_word(line));) {
        struct trie_node *node = node_of(word);
        uintptr_t low = last_word(&node->lines[0]), high = last_word(&node->lines[1]);
        if (!has_no_entry(&node->lines[0]) || !has_no_entry(&node->lines[1]) || (low != 0 && high != 0))
            return;
        /* Release: a thread that follows the link finds its node as filled as through the one that goes. */
        store_release(&line->words[LINE_WORDS - 1], low | high);
        trie_give_node(trie, node);
    }
}

/* The same for all below a line. Calls itself where both lines of a node have others below: see trie_each_line. */
static void drop_all_empty_nodes(struct trie *trie, struct trie_line *line)
{
    for (;;) {
        drop_empty_nodes_below(trie, line);
        uintptr_t word = last_word(line);
        if (!is_link(word))
            return;
        struct trie_line *low = &node_of(word)->lines[0], *high = &node_of(word)->lines[1];
        if (is_link(last_word(low)) && is_link(last_word(high))) {
            drop_all_empty_nodes(trie, low);
            drop_all_empty_nodes(trie, high);
            drop_empty_nodes_below(trie, line);
            return;
        }
        line = is_link(last_word(low)) ? low : high;
    }
}

void trie_drop_empty_nodes(struct trie *trie, struct trie_line *home, uint64_t hash)
{
    for (struct trie_line *line = home; line != NULL; line = next_line(line, hash))
        drop_empty_nodes_below(trie, line);
}

bool trie_each_line(struct trie_line *line, trie_visit_line *visit, void *context)
{
    for (;;) {
        if (!visit(line, context))
            return false;
        uintptr_t word = last_word(line);
        if (!is_link(word))
            return true;
        struct trie_line *low = &node_of(word)->lines[0], *high = &node_of(word)->lines[1];
        bool low_is_last = !is_link(last_word(low)), high_is_last = !is_link(last_word(high));
        /* Calls itself only where both lines have others below: on any way down, a bit does that once at most. */
        if (!(low_is_last    ? visit(low, context)
              : high_is_last ? visit(high, context)
                             : trie_each_line(low, visit, context)))
            return false;
        line = low_is_last || !high_is_last ? high : low;
    }
}

/* ---- Moving entries ---- */

struct holding {
    struct trie *trie;
    struct hold *hold;
    uint64_t bits;
};

static bool hold_entries_of(struct trie_line *line, void *context)
{
    struct holding *holding = context;
    struct hold *hold = holding->hold;
    for (unsigned i = 0; i < LINE_WORDS; i++) {
        struct trie_object *object;
        if (!settled_entry(holding->trie, &line->words[i], &object))
            return false;
        if (object == NULL || (holding->bits != 0 && (object->hash & holding->bits) == 0))
            continue;
        if (hold->count < hold->room) {
            hold->objects[hold->count] = object;
            if (unlikely(hold->is_told))
                collector_wrote(&hold->objects[hold->count]);
            keep_reachable(object);
        }
        hold->count++;
    }
    return true;
}

enum step trie_hold_entries(struct trie *trie, struct trie_line *line, uint64_t bits, struct hold *hold)
{
    struct holding holding = {trie, hold, bits};
    hold->count = 0;
    if (!trie_each_line(line, hold_entries_of, &holding))
        return STEP_UNSETTLED;
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

static void erase_entry(struct trie_line *home, const struct trie_object *object)
{
    uintptr_t entry = entry_of(object, object->hash);
    for (struct trie_line *line = home; line != NULL; line = next_line(line, object->hash))
        for (unsigned i = 0; i < LINE_WORDS; i++)
            if (load_relaxed(&line->words[i]) == entry) {
                store_relaxed(&line->words[i], (uintptr_t)0);
                return;
            }
}

struct pulling {
    struct trie *trie;
    struct trie_line *home;
};

/* Pulls entries of a line below into holes on their way to it; false: there are none. */
static bool pull_up(struct trie_line *line, void *context)
{
    const struct pulling *pulling = context;
    struct trie_line *home = pulling->home;
    for (unsigned i = 0; line != home && i < LINE_WORDS; i++) {
        struct trie_object *object;
        if (!settled_entry(pulling->trie, &line->words[i], &object) || object == NULL)
            continue;
        atomic_word *place = NULL;
        for (struct trie_line *at = home; at != line && place == NULL; at = next_line(at, object->hash))
            place = empty_place(at, object->hash);
        if (place == NULL)
            return false;
        store_relaxed(place, entry_of(object, object->hash));
        store_relaxed(&line->words[i], (uintptr_t)0);
        keep_reachable(object);
    }
    return true;
}

/* Brings entries nearer to the root, as far as that can be done now. The stripe is owned. */
static void tighten(struct trie *trie, struct trie_line *home)
{
    if (!is_link(last_word(home)))
        return;
    struct pulling pulling = {trie, home};
    trie_each_line(home, pull_up, &pulling);
    drop_all_empty_nodes(trie, home);
}

enum step trie_move_entries(struct trie *trie, struct trie_line *from, struct trie_line *low, struct trie_line *high,
                            uint64_t bit, struct hold *hold)
{
    enum step step = trie_hold_entries(trie, from, from == low ? bit : 0, hold);
    if (step != STEP_DONE)
        return step;
    /* First all get their new places, and where one cannot have any now, give them up: the old ones are as they
     * were. */
    size_t placed = 0;
    for (atomic_word *place; placed < hold->count; placed++) {
        const struct trie_object *object = hold->objects[placed];
        step = trie_place(trie, object->hash & bit ? high : low, object->hash, &place);
        if (step != STEP_DONE)
            break;
        store_relaxed(place, entry_of(object, object->hash));
    }
    for (size_t i = 0; i < placed; i++) {
        const struct trie_object *object = hold->objects[i];
        erase_entry(step == STEP_DONE ? from : object->hash & bit ? high : low, object);
    }
    tighten(trie, from);
    tighten(trie, low);
    tighten(trie, high);
    /* The array is searched by the collector until here; nothing stays held by what is left in it. */
    memset(hold->objects, 0, hold->count * sizeof *hold->objects);
    keep_reachable(hold->objects);
    return step;
}

enum step trie_split_line(struct trie *trie, struct trie_line *from, struct trie_line *low, struct trie_line *high,
                          uint64_t bit)
{
    void *held[LINE_WORDS];
    unsigned char places[LINE_WORDS];
    unsigned count = 0, used[2] = {0};
    uint64_t moving = from == low ? bit : ~UINT64_C(0);
    for (unsigned i = 0; i < LINE_WORDS; i++) {
        struct trie_object *object;
        if (!settled_entry(trie, &from->words[i], &object))
            return STEP_UNSETTLED;
        if (object == NULL)
            continue;
        held[count] = object;
        places[count] = (unsigned char)i;
        count += ((object->hash | ~bit) & moving) != 0;
    }
    keep_reachable(held);
    for (unsigned i = 0; i < count; i++) {
        uint64_t hash = ((struct trie_object *)held[i])->hash;
        bool up = (hash & bit) != 0;
        unsigned place = trie_favourite(hash);
        if (used[up] >> place & 1)
            place = (unsigned)__builtin_ctz(~used[up]);
        used[up] |= 1u << place;
        store_relaxed(&(up ? high : low)->words[place], load_relaxed(&from->words[places[i]]));
        store_relaxed(&from->words[places[i]], (uintptr_t)0);
    }
    /* Searched by the collector until here; nothing stays held by what is left in it. */
    memset(held, 0, sizeof held);
    keep_reachable(held);
    return STEP_DONE;
}
