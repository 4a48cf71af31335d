/* SPDX-License-Identifier: MIT */
/* Tables under the scripted collector: threads that intern, find, drop and collect at once, beside values that are
 * brought back while they are in doubt. Checked against books behind a lock: no value has two handles. */
#include "config.h"

#include <hapax.h>

#include "collector/collector.h"
#include "plain_tap.h"
#include "scripted_collector.h"
#include "scripted_threads.h"
#include "values/table.h"
#include "trie_check.h"

enum {
    THREADS = 4,
    VALUES = 30000,
    HELD = 1700,                /* by each thread, at most */
    BOXES = 64,
#if defined SYNC_THREAD_SANITIZER
    STEPS = 8000, PHASES = 2,
#else
    STEPS = 60000, PHASES = 6,
#endif
};

static struct hapax_table *table;

/* What threads hold. In root memory: the collector looks there. */
struct held {
    hapax_handle handles[HELD];
    unsigned values[HELD], count;
};

static struct roots {
    hapax_table *table;
    struct held threads[THREADS];
    struct box *brought_back[BOXES];
} *roots;

/* ---- The books ---- */

static pthread_mutex_t books_lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry {
    unsigned holders;
    uintptr_t handle;
} books[VALUES];
static unsigned distinct, most_distinct;

/* The caller holds the handle, from before this until after put_down. */
static void pick_up(unsigned value, hapax_handle handle)
{
    pthread_mutex_lock(&books_lock);
    struct entry *entry = &books[value];
    if (entry->holders++ == 0) {
        entry->handle = (uintptr_t)handle;
        if (++distinct > most_distinct)
            most_distinct = distinct;
    }
    EXPECT(entry->handle == (uintptr_t)handle, "value %u: handles %p and %p at once", value, (void *)handle,
           (void *)entry->handle);
    pthread_mutex_unlock(&books_lock);
}

static void put_down(unsigned value)
{
    pthread_mutex_lock(&books_lock);
    if (--books[value].holders == 0)
        distinct--;
    pthread_mutex_unlock(&books_lock);
}

/* ---- Values ---- */

/* How the hashes of this test look. */
static uint64_t (*hash_of)(unsigned value);

static uint64_t spread_hash(unsigned value)
{
    return spread(value + 1);
}

/* A few lines, so that all have long chains, and few tags. */
static uint64_t crowded_hash(unsigned value)
{
    return spread(value + 1) & UINT64_C(0xf00000000000f00f);
}

static hapax_handle intern(unsigned value)
{
    hapax_handle handle = hapax_make_handle_hashed(table, &value, sizeof value, hash_of(value));
    EXPECT(handle != NULL, "value %u: out of memory", value);
    return handle;
}

static void check_contents(unsigned value, hapax_handle handle)
{
    unsigned stored = 0;
    EXPECT(hapax_handle_size(handle) == sizeof stored, "value %u: size %zu", value, hapax_handle_size(handle));
    memcpy(&stored, hapax_handle_value(handle), sizeof stored);
    EXPECT(stored == value, "value %u: reads %#x", value, stored);
}

/* ---- Boxes: what foreign finalizers bring back, with the handle in it ---- */

struct box {
    hapax_handle handle;
    unsigned value;
};

/* Protects what follows, and roots->brought_back. */
static pthread_mutex_t boxes_lock = PTHREAD_MUTEX_INITIALIZER;
static uintptr_t hidden_boxes[BOXES];   /* complements: not seen by the collector */
static unsigned boxes, back, back_ever;
static struct dice bring_back_dice = {77};

static NOINLINE void let_a_box_go(unsigned value)
{
    struct box *box = hapax_alloc(sizeof *box);
    box->handle = intern(value);
    box->value = value;
    pthread_mutex_lock(&boxes_lock);
    if (boxes < BOXES)
        hidden_boxes[boxes++] = ~(uintptr_t)box;
    pthread_mutex_unlock(&boxes_lock);
}

static void bring_boxes_back(void)
{
    pthread_mutex_lock(&boxes_lock);
    for (unsigned i = 0; i < boxes;) {
        struct box *box = (struct box *)~hidden_boxes[i];
        if (!script_is_doomed(box)) {
            i++;
            continue;
        }
        hidden_boxes[i] = hidden_boxes[--boxes];
        if (back < BOXES && throw_dice(&bring_back_dice, 3) != 0) {
            script_bring_back(box);
            roots->brought_back[back++] = box;
            back_ever++;
        }
    }
    pthread_mutex_unlock(&boxes_lock);
}

/* What was brought back is canonical as if nothing had been. */
static NOINLINE void look_into_a_box(void)
{
    struct box *box = NULL;
    pthread_mutex_lock(&boxes_lock);
    if (back > 0) {
        box = roots->brought_back[--back];
        roots->brought_back[back] = NULL;
    }
    pthread_mutex_unlock(&boxes_lock);
    if (box == NULL)
        return;
    pick_up(box->value, box->handle);
    check_contents(box->value, box->handle);
    EXPECT(intern(box->value) == box->handle, "value %u: lost its handle when it was brought back", box->value);
    put_down(box->value);
    keep_reachable(box);
}

/* ---- What threads do ---- */

static NOINLINE void hold_another(struct held *held, unsigned value)
{
    hapax_handle handle = intern(value);
    pick_up(value, handle);
    check_contents(value, handle);
    held->values[held->count] = value;
    held->handles[held->count++] = handle;
}

static NOINLINE void drop_one(struct held *held, unsigned i)
{
    put_down(held->values[i]);
    held->count--;
    held->handles[i] = held->handles[held->count];
    held->values[i] = held->values[held->count];
    held->handles[held->count] = NULL;
}

static NOINLINE void find_one(const struct held *held, unsigned i)
{
    check_contents(held->values[i], held->handles[i]);
    EXPECT(intern(held->values[i]) == held->handles[i], "value %u: held, but another one came", held->values[i]);
}

static bool count_mine(hapax_handle handle, void *counts)
{
    unsigned value;
    memcpy(&value, hapax_handle_value(handle), sizeof value);
    EXPECT(value < VALUES, "an iteration found %#x", value);
    if (value < VALUES)
        ((unsigned char *)counts)[value]++;
    return true;
}

static void iterate(const struct held *held)
{
    unsigned char *counts = calloc(VALUES, 1);
    EXPECT(hapax_table_each(table, count_mine, counts), "the iteration did not come to its end");
    for (unsigned i = 0; i < held->count; i++)
        EXPECT(counts[held->values[i]] >= 1, "value %u is held and was not visited", held->values[i]);
    free(counts);
}

static pthread_barrier_t phase_ends;

static void meet(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&phase_ends);
}

static void *work(void *number)
{
    unsigned me = (unsigned)(uintptr_t)number;
    struct held *held = &roots->threads[me];
    struct dice dice = {me * 1000003};
    hapax_init();
    for (unsigned step = 0; step < STEPS; step++) {
        world_safepoint();
        /* Many values for a while, then few: the root grows and shrinks. */
        unsigned limit = step / (STEPS / PHASES) % 2 == 0 ? HELD : 8;
        unsigned kind = (unsigned)throw_dice(&dice, 1000);
        if (kind < 650 && held->count < limit)
            hold_another(held, (unsigned)throw_dice(&dice, VALUES));
        else if (kind < 650 || (kind < 700 && held->count > 0))
            drop_one(held, (unsigned)throw_dice(&dice, held->count));
        else if (kind < 900 && held->count > 0)
            find_one(held, (unsigned)throw_dice(&dice, held->count));
        else if (kind < 930)
            (void)intern((unsigned)throw_dice(&dice, 40));
        else if (kind < 960)
            let_a_box_go((unsigned)throw_dice(&dice, 40));
        else if (kind < 995)
            look_into_a_box();
        else if (kind < 996)
            iterate(held);
        else if (kind < 999)
            hapax_collect();
        /* All hold many values at the same time, however the system lets them run. */
        if ((step + 1) % (STEPS / PHASES) == 0)
            world_blocking(meet, NULL);
    }
    return NULL;
}

static void expect_well_formed(void)
{
    struct trie_walk walk;
    const char *error = trie_check_registry(&table->set.trie, table->set.registry, &walk);
    EXPECT(error == NULL, "%s", error);
    EXPECT(walk.tentative == 0, "%llu words were left in doubt", (unsigned long long)walk.tentative);
}

static NOINLINE uint64_t drop_everything(void)
{
    for (unsigned me = 0; me < THREADS; me++)
        while (roots->threads[me].count > 0)
            drop_one(&roots->threads[me], 0);
    memset(roots->brought_back, 0, sizeof roots->brought_back);
    back = boxes = 0;
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    return stats.live + stats.evicted;
}

static void storm(uint64_t (*hash)(unsigned value))
{
    hash_of = hash;
    memset(books, 0, sizeof books);
    distinct = most_distinct = back_ever = 0;
    roots = collector_alloc_root(sizeof *roots);
    table = roots->table = hapax_table_new(NULL, 0);
    uint64_t collections_before = script_collections();
    script.collect_every = 400;
    script.between = bring_boxes_back;
    pthread_barrier_init(&phase_ends, NULL, THREADS);
    run_threads(THREADS, work);
    pthread_barrier_destroy(&phase_ends);
    script.collect_every = 0;

    expect_well_formed();
    EXPECT(script_collections() - collections_before > 20, "too few collections to see anything");
    EXPECT(back_ever > 20, "only %u were brought back", back_ever);
    for (unsigned me = 0; me < THREADS; me++)
        for (unsigned i = 0; i < roots->threads[me].count; i++)
            find_one(&roots->threads[me], i);

    uint64_t inserted = drop_everything();
    script.between = NULL;
    collect_cleanly();
    collect_cleanly();
    expect_well_formed();
    struct hapax_table_stats stats;
    hapax_table_stats(table, &stats);
    EXPECT(stats.live < 20, "%llu values are still there", (unsigned long long)stats.live);
    EXPECT(stats.live + stats.evicted == inserted, "of %llu values, %llu are there and %llu were evicted",
           (unsigned long long)inserted, (unsigned long long)stats.live, (unsigned long long)stats.evicted);
    collector_free_root(roots);
}

static void with_spread_hashes(void)
{
    storm(spread_hash);
    EXPECT(most_distinct > 5200, "the root never grew: %u values at most", most_distinct);
}

static void with_crowded_hashes(void)
{
    storm(crowded_hash);
}

static void with_memory_never_used_again(void)
{
    script.quarantine = true;
    storm(spread_hash);
    script.quarantine = false;
}

int main(void)
{
    hapax_init();
    tap_run("values stay canonical beside collections, growth and shrinking", with_spread_hashes);
    tap_run("values stay canonical where hashes collide", with_crowded_hashes);
    tap_run("nobody looks at dead values", with_memory_never_used_again);
    return tap_end();
}
