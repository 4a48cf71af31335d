/* SPDX-License-Identifier: MIT */
/* What is held while entries of a trie move, from inside: src/trie/lines.h. */
#include "config.h"

#include "dying.h"

#include "collector/collector.h"
#include "base/pages.h"
#include "trie/lines.h"

#include <criterion/criterion.h>

static struct trie a_trie;   /* whose line it is: asked only while a collection decides */

enum { ROOM = 1000 };

static struct trie_line *line;
static uintptr_t hidden[LINE_WORDS];

static NOINLINE void fill_line(void)
{
    line = pages_alloc(PAGE_BYTES); /* aligned as lines are, zeroed, not searched */
    cr_assert_not_null(line);
    for (unsigned i = 0; i < LINE_WORDS; i++) {
        struct trie_object *object = collector_alloc_plain(sizeof *object);
        object->hash = i;
        hidden[i] = ~(uintptr_t)object;
        store_relaxed(&line->words[i], entry_of(object, i));
    }
}

static NOINLINE unsigned count_marked(void)
{
    unsigned marked = 0;
    for (unsigned i = 0; i < LINE_WORDS; i++)
        marked += GC_is_marked((void *)~hidden[i]) != 0;
    return marked;
}

static NOINLINE void hold_line(struct hold *hold)
{
    cr_assert_eq(trie_hold_entries(&a_trie, line, 0, hold), STEP_DONE);
    cr_assert_eq(hold->count, LINE_WORDS);
}

/* A collection with generations searches what it has searched before only where it is told of writes. */
Test(hold, keeps_what_it_holds_where_writes_are_told)
{
    GC_set_manual_vdb_allowed(1);
    GC_set_full_freq(1000);
    cr_assert_eq(hapax_init(), 0);
    GC_enable_incremental();
    struct hold hold = {.count = ROOM};
    cr_assert(trie_hold_more(&hold, NULL));
    collect();
    fill_line();
    hold_line(&hold);
    bury();
    GC_start_incremental_collection();
    while (GC_collect_a_little())
        ;
    cr_expect_eq(count_marked(), LINE_WORDS);
    collector_free_root(hold.objects);
}
