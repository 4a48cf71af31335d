#include "config.h"

#include "trie.h"

#include "collector.h"
#include "pages.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* ---- Sizes ---- */

enum {
    FIRST_LOG = 6,                          /* the first root has 64 lines, as many as a trie has stripes: a line and
                                             * the one it is split into always have the same stripe */
    FIRST_LINES = 1 << FIRST_LOG,
    FIRST_CHILDREN = FIRST_LINES - 1,       /* with the lines just below two pages of the collector's */
    STRIPES = 256,
    STRIPES_OF_A_TRIE = FIRST_LINES,
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
    LINE_BYTES = sizeof(struct trie_line),
};
#define HUGE_PAGE ((size_t)2 << 20)

/* Grow at five entries a line on average: one in fifteen lines then overflows. Shrink far below, so that a count that
 * goes up and down makes neither. */
#define TOO_MANY(lines) ((lines)*5)
#define TOO_FEW(lines) ((lines) / 2)

#define SHAPE(log, split) ((uint64_t)(log) << 56 | (split))

static unsigned shape_log(uint64_t shape)
{
    return (unsigned)(shape >> 56);
}

static uint64_t shape_split(uint64_t shape)
{
    return shape & ((UINT64_C(1) << 56) - 1);
}

static uint64_t shape_half(uint64_t shape)
{
    return UINT64_C(1) << (shape_log(shape) - 1);
}

static uint64_t home_index(uint64_t shape, uint64_t hash)
{
    uint64_t half = shape_half(shape), low = hash & (half - 1);
    return low < shape_split(shape) ? hash & (2 * half - 1) : low;
}

static struct trie_line *home_line(struct trie *trie, uint64_t hash)
{
    /* Acquire: lines of this shape are there. */
    uint64_t shape = load_acquire(&trie->shape);
    return load_acquire(&trie->lines) + home_index(shape, hash);
}

static struct trie_line *next_line(const struct trie_line *line)
{
    /* Acquire: a line is linked in after it has been filled. */
    uintptr_t word = load_acquire(&line->words[LINE_WORDS - 1]);
    return word & TRIE_LINK ? (struct trie_line *)(word & TRIE_ADDRESS) : NULL;
}

static bool is_entry(uintptr_t word)
{
    return (word & TRIE_TAG) != 0;
}

static uintptr_t entry_of(const struct trie_object *object, uint64_t hash)
{
    return (uintptr_t)object | trie_tag(hash);
}

/* ---- Stripes ---- */

/* Even: free; odd: a writer owns what hashes to this stripe. Counted up by each writer, so it is also what a search
 * compares to know that nothing came or moved meanwhile. Shared by all tries. */
static struct stripe {
    _Alignas(CACHE_LINE) atomic_count version;
} stripes[STRIPES];

/* Counts the forks that this process descends from: a resizer of an earlier generation is gone. */
static atomic_uint generation = 1;

/* Protects further lines that are free, in every trie. Held inside a stripe, never the other way round. */
static spin_lock children_lock;

static atomic_count *stripe_of(const struct trie *trie, uint64_t hash)
{
    return &stripes[(trie->stripe + (hash & (STRIPES_OF_A_TRIE - 1))) % STRIPES].version;
}

static bool own_stripe(atomic_count *version, uint64_t even)
{
    /* Acquire: what the last owner wrote is seen. Release: the search before comes before. */
    return cas_acq_rel(version, &even, even + 1);
}

static void wait_and_own_stripe(atomic_count *version)
{
    for (unsigned turns = 0;;) {
        uint64_t seen = load_relaxed(version);
        if ((seen & 1) == 0 && own_stripe(version, seen))
            return;
        sync_wait_step(&turns);
    }
}

static void leave_stripe(atomic_count *version)
{
    /* Release: searches and owners after it see what was written. */
    store_release(version, load_relaxed(version) + 1);
}

/* Leaves without having changed anything. */
static void leave_stripe_unchanged(atomic_count *version)
{
    store_release(version, load_relaxed(version) - 1);
}

static void own_all_stripes(const struct trie *trie)
{
    /* In the order of their addresses, as everybody who owns several. */
    for (unsigned i = 0; i < STRIPES; i++)
        if ((i - trie->stripe) % STRIPES < STRIPES_OF_A_TRIE)
            wait_and_own_stripe(&stripes[i].version);
}

static void leave_all_stripes(const struct trie *trie)
{
    for (unsigned i = 0; i < STRIPES_OF_A_TRIE; i++)
        leave_stripe(&stripes[(trie->stripe + i) % STRIPES].version);
}

void trie_fork_prepare(void)
{
    for (unsigned i = 0; i < STRIPES; i++)
        wait_and_own_stripe(&stripes[i].version);
    spin_acquire(&children_lock);
}

void trie_fork_parent(void)
{
    spin_release(&children_lock);
    for (unsigned i = 0; i < STRIPES; i++)
        leave_stripe(&stripes[i].version);
}

void trie_fork_child(void)
{
    add_relaxed(&generation, 1u);
    trie_fork_parent();
}

/* ---- Further lines ---- */

static struct trie_line *take_child(struct trie *trie)
{
    spin_acquire(&children_lock);
    struct trie_line *child = trie->child_free;
    if (child != NULL) {
        trie->child_free = next_line(child);
        store_relaxed(&child->words[LINE_WORDS - 1], (uintptr_t)0);
    } else if (trie->child_next < trie->child_end) {
        child = trie->child_next++;
    }
    if (child != NULL)
        trie->children_used++;
    spin_release(&children_lock);
    return child;
}

/* The child is empty and no longer linked. A search that is still in it goes on through free lines, or those of another
 * chain, and then finds that its stripe has changed. */
static void give_child(struct trie *trie, struct trie_line *child)
{
    spin_acquire(&children_lock);
    struct trie_line *next = trie->child_free;
    store_relaxed(&child->words[LINE_WORDS - 1], next != NULL ? (uintptr_t)next | TRIE_LINK : 0);
    trie->child_free = child;
    trie->children_used--;
    spin_release(&children_lock);
}

/* ---- Searching ---- */

/* False: an entry that may be the one is tentative. */
static bool search(struct trie *trie, uint64_t hash, trie_equal *equal, const void *key, void **found)
{
    *found = NULL;
    for (struct trie_line *line = home_line(trie, hash); line != NULL; line = next_line(line)) {
        for (uint32_t match = line_match(line, hash); match != 0; match &= match - 1) {
            atomic_word *place = &line->words[(unsigned)__builtin_ctz(match) / 4];
            void *object = NULL;
            for (uintptr_t word; object == NULL;) {
                word = load_acquire(place);
                if (!trie_is_candidate(word & ~TRIE_TENTATIVE, hash))
                    break;
                if (word & TRIE_TENTATIVE)
                    return false;
                object = trie_strong(place, word);
            }
            if (object != NULL && equal(object, key)) {
                *found = object;
                return true;
            }
        }
    }
    return true;
}

void *trie_find(struct trie *trie, uint64_t hash, trie_equal *equal, const void *key, uint64_t *ticket)
{
    atomic_count *version = stripe_of(trie, hash);
    for (unsigned turns = 0;;) {
        /* Acquire: what was written under earlier versions is seen. */
        uint64_t before = load_acquire(version);
        if (before & 1) {
            sync_wait_step(&turns);
            continue;
        }
        void *found;
        if (!search(trie, hash, equal, key, &found)) {
            add_relaxed(&trie->waited, 1u);
            collector_wait();
            continue;
        }
        if (found != NULL)
            return found;
        if (load_acquire(version) == before) {
            *ticket = before;
            return NULL;
        }
    }
}

/* ---- Inserting ---- */

static atomic_word *empty_place(struct trie_line *line, uint64_t hash)
{
    atomic_word *favourite = &line->words[trie_favourite(hash)];
    if (load_relaxed(favourite) == 0)
        return favourite;
    for (unsigned i = 0; i < LINE_WORDS; i++)
        if (load_relaxed(&line->words[i]) == 0)
            return &line->words[i];
    return NULL;
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

static bool has_no_entry(const struct trie_line *line)
{
    for (unsigned i = 0; i < LINE_WORDS; i++)
        if (is_entry(load_relaxed(&line->words[i])))
            return false;
    return true;
}

/* Takes a further line without entries out of a chain. The stripe is owned. */
static void drop_empty_line(struct trie *trie, struct trie_line *line)
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

/* What a step towards a change still wants, with the stripe given up meanwhile. */
enum step {
    STEP_DONE,
    STEP_UNSETTLED,       /* a word is tentative: after the collection */
    STEP_MORE_HOLD,       /* hold->count objects have to be held */
    STEP_MORE_CHILDREN,
};

/* Where the next entry goes into a chain; a further line is taken where it is full. The stripe is owned. */
static __attribute__((noinline)) enum step place_in_chain(struct trie *trie, struct trie_line *home, uint64_t hash, atomic_word **place)
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

enum trie_outcome trie_insert(struct trie *trie, struct trie_object *object, uint64_t ticket, atomic_word *announced)
{
    uint64_t hash = object->hash;
    atomic_count *version = stripe_of(trie, hash);
    if (unlikely(!own_stripe(version, ticket)))
        return TRIE_CHANGED;
    struct trie_line *home = home_line(trie, hash);
    atomic_word *place = empty_place(home, hash);
    enum step step = likely(place != NULL) ? STEP_DONE : place_in_chain(trie, home, hash, &place);
    if (unlikely(step != STEP_DONE)) {
        leave_stripe_unchanged(version);
        return step == STEP_MORE_CHILDREN ? TRIE_CROWDED : TRIE_UNSETTLED;
    }
    /* Release, both: publish the object's contents. */
    store_release(announced, (uintptr_t)object);
    store_release(place, entry_of(object, hash));
    if (unlikely(next_line(home) != NULL))
        drop_empty_line(trie, home);
    leave_stripe(version);
    return TRIE_DONE;
}

/* ---- Moving entries ---- */

/* Objects that are held while their entries stand in two places; scanned by the collector. */
struct hold {
    void **objects;
    size_t room, count;
};

/* Holds the objects of a chain whose hash has one of the bits (all: 0). The stripe is owned. */
static enum step hold_entries(struct trie_line *line, uint64_t bits, struct hold *hold)
{
    hold->count = 0;
    for (; line != NULL; line = next_line(line)) {
        for (unsigned i = 0; i < LINE_WORDS; i++) {
            uintptr_t word;
            struct trie_object *object;
            while ((object = owned_strong(&line->words[i], &word)) == NULL && is_entry(word))
                if (word & TRIE_TENTATIVE)
                    return STEP_UNSETTLED;
            if (object == NULL || (bits != 0 && (object->hash & bits) == 0))
                continue;
            if (hold->count < hold->room)
                hold->objects[hold->count] = object;
            hold->count++;
        }
    }
    return hold->count <= hold->room ? STEP_DONE : STEP_MORE_HOLD;
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
        drop_empty_line(trie, home);
    }
}

/* Moves the entries whose hash has one of the bits (all: 0) from one chain to another. The stripe of both is owned:
 * searches in it wait, so an entry need not be in its new place before it leaves the old one for their sake; for the
 * collector's sake its object is held throughout. */
static enum step move_entries(struct trie *trie, struct trie_line *from, struct trie_line *to, uint64_t bits,
                              struct hold *hold)
{
    enum step step = hold_entries(from, bits, hold);
    if (step != STEP_DONE)
        return step;
    size_t moved = 0;
    for (atomic_word *place; moved < hold->count; moved++) {
        const struct trie_object *object = hold->objects[moved];
        step = place_in_chain(trie, to, object->hash, &place);
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
        place_in_chain(trie, from, object->hash, &place);
        store_relaxed(place, entry_of(object, object->hash));
    }
    tighten_chain(trie, from);
    /* The array is searched by the collector until here; nothing stays held by what is left in it. */
    memset(hold->objects, 0, hold->count * sizeof *hold->objects);
    keep_reachable(hold->objects);
    return step;
}

/* Room for as many objects as the last attempt wanted. */
static bool hold_more(struct hold *hold, void **on_stack)
{
    size_t room = hold->count + hold->count / 2;
    void **objects = collector_alloc_root(room * sizeof *objects);
    if (objects == NULL)
        return false;
    if (hold->objects != on_stack)
        collector_free_root(hold->objects);
    hold->objects = objects;
    hold->room = room;
    return true;
}

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

bool trie_init(struct trie *trie, struct trie_region *region)
{
    static atomic_uint made;
    /* Zeroed like all scanned memory; but the collector must not take words for pointers. */
    struct trie_line *lines = collector_alloc_plain((FIRST_LINES + FIRST_CHILDREN) * LINE_BYTES);
    if (lines == NULL) {
        errno = ENOMEM;
        return false;
    }
    assert((uintptr_t)lines % CACHE_LINE == 0);
    memset((void *)lines, 0, (FIRST_LINES + FIRST_CHILDREN) * LINE_BYTES);
    trie->stripe = add_relaxed(&made, 1u) * 37 % STRIPES;
    trie->child_next = lines + FIRST_LINES;
    trie->child_end = trie->child_limit = lines + FIRST_LINES + FIRST_CHILDREN;
    trie->region = region;
    store_relaxed(&trie->shape, SHAPE(FIRST_LOG, FIRST_LINES / 2));
    store_relaxed(&trie->lines, lines);
    store_relaxed(&trie->mask, (uint64_t)FIRST_LINES - 1);
    return true;
}

/* ---- Resizing ---- */

static bool begin_resize(struct trie *trie)
{
    unsigned now = load_relaxed(&generation), seen = load_relaxed(&trie->resizer);
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
        own_all_stripes(trie);
        enum step step = STEP_DONE;
        size_t count = 0;
        for (unsigned i = 0; step == STEP_DONE && i < FIRST_LINES; i++) {
            struct hold hold = {objects + count, room - count, 0};
            step = hold_entries(&lines[i], 0, &hold);
            count += hold.count;
        }
        if (step == STEP_DONE)
            return count;
        leave_all_stripes(trie);
        collector_wait();
    }
}

static void first_children(struct trie *trie, const struct trie_region *region)
{
    char *children = (char *)region->start + region->size / 2;
    spin_acquire(&children_lock);
    trie->child_next = (struct trie_line *)children;
    trie->child_end = (struct trie_line *)(children + COMMIT_BYTES);
    trie->child_limit = (struct trie_line *)(children + region->size / 2);
    trie->child_free = NULL;
    trie->children_used = 0;
    spin_release(&children_lock);
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
        place_in_chain(trie, &lines[home_index(shape, object->hash)], object->hash, &place);
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
    leave_all_stripes(trie);
    memset(held, 0, count * sizeof *held);
    keep_reachable(held);
    collector_wrote(trie);
    return true;
}

/* Makes further lines usable. The children lock is not held. */
static bool commit_children(struct trie *trie)
{
    /* Committing twice what another thread has committed is harmless; the end only moves on from where it was. */
    spin_acquire(&children_lock);
    struct trie_line *end = trie->child_end, *limit = trie->child_limit;
    bool room = trie->child_next < end;
    spin_release(&children_lock);
    if (room)
        return true;
    if (end == limit || !pages_commit(end, COMMIT_BYTES)) {
        errno = ENOMEM;
        return false;
    }
    spin_acquire(&children_lock);
    if (trie->child_end == end)
        trie->child_end = end + COMMIT_BYTES / LINE_BYTES;
    spin_release(&children_lock);
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

/* move_entries for a line that has no further ones, as nearly all, into an empty one: once all that moves is held,
 * nothing can fail. The stripe is owned. */
static enum step split_line(struct trie_line *below, struct trie_line *above, uint64_t bit)
{
    void *held[LINE_WORDS];
    unsigned char from[LINE_WORDS];
    unsigned count = 0, used = 0;
    for (unsigned i = 0; i < LINE_WORDS; i++) {
        uintptr_t word;
        struct trie_object *object;
        while ((object = owned_strong(&below->words[i], &word)) == NULL && is_entry(word))
            if (word & TRIE_TENTATIVE)
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
    wait_and_own_stripe(version);
    enum step step = !up                        ? move_entries(trie, above, below, 0, hold)
                     : are_single(below, above) ? split_line(below, above, half)
                                                : move_entries(trie, below, above, half, hold);
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
        return hold_more(hold, on_stack);
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
    struct hold hold = {on_stack, HOLD_ON_STACK, 0};
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
    struct hold hold = {on_stack, HOLD_ON_STACK, 0};
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

/* ---- The steps of a collection ---- */

static atomic_word *find_place(struct trie_line *line, uintptr_t entry)
{
    for (; line != NULL; line = next_line(line))
        for (unsigned i = 0; i < LINE_WORDS; i++)
            if (load_relaxed(&line->words[i]) == entry)
                return &line->words[i];
    return NULL;
}

atomic_word *trie_doubt(struct trie *trie, struct trie_object *object)
{
    uint64_t hash = object->hash, shape = load_relaxed(&trie->shape), half = shape_half(shape);
    struct trie_line *lines = load_relaxed(&trie->lines);
    uintptr_t entry = entry_of(object, hash);
    atomic_word *place = find_place(&lines[home_index(shape, hash)], entry);
    if (place == NULL) {
        /* Its line may have been caught between being split or merged and the change of shape. */
        place = find_place(&lines[hash & (half - 1)], entry);
        if (place == NULL && hash & half)
            place = find_place(&lines[hash & (2 * half - 1)], entry);
    }
    if (place != NULL)
        store_relaxed(place, entry | TRIE_TENTATIVE);   /* the world is stopped */
    return place;
}

void *trie_settle(atomic_word *place, bool (*survived)(const void *object))
{
    uintptr_t word = load_relaxed(place);
    void *object = (void *)(word & TRIE_ADDRESS);
    bool lives = survived(object);
    /* Nobody else changes a tentative word. Release: pairs with the search that finds it settled. */
    bool changed = cas_release(place, &word, lives ? word & ~TRIE_TENTATIVE : 0);
    assert(changed);
    (void)changed;
    return lives ? object : NULL;
}

/* ---- Measuring ---- */

void trie_measure(struct trie *trie, struct trie_size *size)
{
    uint64_t shape = load_acquire(&trie->shape), lines = shape_half(shape) + shape_split(shape);
    struct trie_line *root = load_acquire(&trie->lines);
    spin_acquire(&children_lock);
    uint64_t children = trie->children_used;
    spin_release(&children_lock);
    uint64_t levels = 1;
    for (uint64_t i = 0; i < lines; i++) {
        uint64_t level = 1;
        for (struct trie_line *line = &root[i]; (line = next_line(line)) != NULL && level <= children;)
            level++;
        if (level > levels)
            levels = level;
    }
    size->slots = (lines + children) * LINE_WORDS;
    size->levels = levels;
    size->bytes = (lines + children) * LINE_BYTES;
}
