/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/word_search.h"

#include "base/clock.h"
#include "base/pages.h"
#include "base/sync.h"
#include "collector/collector.h"

#include <errno.h>

/* Words that have passed, until the collector gets them together. Not static data, where the next collection would find
 * them again. */
enum { ROOM = 8192 };
static uintptr_t *found;
static size_t count;

static uint64_t marking_ns;

/* The collector's heap. */
static uintptr_t low, span;

bool word_search_prepare(void)
{
    if (found != NULL)
        return true;
    found = pages_alloc(ROOM * sizeof *found);
    if (found == NULL)
        errno = ENOMEM;
    return found != NULL;
}

static void hand_over(void)
{
    if (count == 0)
        return;
    uint64_t begin = monotonic_ns();
    collector_push_range(found, found + count);
    marking_ns += monotonic_ns() - begin;
    count = 0;
}

uint64_t word_search_marking_ns(void)
{
    return marking_ns;
}

void word_search_begin(void)
{
    uintptr_t high;
    collector_heap_range(&low, &high);
    span = high - low;
    count = 0;
    marking_ns = 0;
}

void word_search_end(void)
{
    hand_over();
}

/* 1 or 0. */
static inline unsigned passes(uintptr_t word)
{
    return word - low < span;
}

enum { STEP = 8 };

/* Those that pass among so many words, in a loop without a branch. */
static inline void keep(const uintptr_t *words, size_t number)
{
    if (unlikely(count > ROOM - STEP))
        hand_over();
    for (size_t i = 0; i < number; i++) {
        found[count] = words[i];
        count += passes(words[i]);
    }
}

/* Freed memory and the words between objects are read as well. */
__attribute__((no_sanitize_address)) void word_search(const void *start, const void *end)
{
    const uintptr_t *word = (const uintptr_t *)(((uintptr_t)start + sizeof *word - 1) & -sizeof *word);
    const uintptr_t *last = (const uintptr_t *)((uintptr_t)end & -sizeof *word);
    for (; last - word >= STEP; word += STEP) {
        unsigned any = passes(word[0]) | passes(word[1]) | passes(word[2]) | passes(word[3]) | passes(word[4]) |
                       passes(word[5]) | passes(word[6]) | passes(word[7]);
        if (unlikely(any))
            keep(word, STEP);
    }
    if (word < last)
        keep(word, (size_t)(last - word));
}

void word_search_everything(void)
{
    for (uintptr_t address = low; address - low < span; address += COLLECTOR_GRANULE)
        keep(&address, 1);
}
