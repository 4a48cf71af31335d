/* SPDX-License-Identifier: MIT */
/* The explorer itself: what a run does depends on the order of its threads alone, not on what an earlier run left
 * behind. */
#include "config.h"

#include <hapax.h>

#include "explore.h"
#include "scripted_collector.h"

#include <stdatomic.h>

#define NOINLINE __attribute__((noinline))

enum { OBJECTS = 100, WORDS = 2048 };

static uintptr_t hidden[OBJECTS];   /* addresses, negated; objects of the same addresses are made in each run */
static atomic_bool writer_began;
static uint64_t died, first_died;   /* in a collection before the writer began */

static NOINLINE void make_objects(void)
{
    for (unsigned i = 0; i < OBJECTS; i++)
        hidden[i] = ~(uintptr_t)hapax_alloc(sizeof(void *));
}

static void begin(void)
{
    make_objects();
    writer_began = false;
    died = 0;
}

static void collects(void)
{
    uint64_t before = script_deaths();
    hapax_collect();
    if (!writer_began)
        died = script_deaths() - before;
}

/* Leaves the objects' addresses in all of its frame. */
static NOINLINE void write_addresses(void)
{
    volatile uintptr_t words[WORDS];
    for (unsigned i = 0; i < WORDS; i++)
        words[i] = ~hidden[i % OBJECTS];
}

static void writes_addresses(void)
{
    writer_began = true;
    write_addresses();
}

static void end(void)
{
    hapax_collect();
    if (died == 0)
        return;
    MUST(died >= OBJECTS / 10 * 9, "%u of %d objects died", (unsigned)died, OBJECTS);
    if (first_died == 0)
        first_died = died;
    MUST(died == first_died, "%u objects died, %u in the first run", (unsigned)died, (unsigned)first_died);
}

static const struct scenario words_left_on_stacks = {
    .name = "words-left-on-stacks", .preemptions = 1, .random_runs = 500,
    .begin = begin, .threads = {collects, writes_addresses, writes_addresses}, .end = end};

int main(int argc, char **argv)
{
    explore_begin(argc, argv);
    explore(&words_left_on_stacks);
    return explore_end();
}
