/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/memory.h>

#include "runtime/malloc_search.h"

#include "base/clock.h"
#include "base/environment.h"
#include "base/say.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/malloc_memory.h"
#include "runtime/search_pace.h"
#include "runtime/thread.h"
#include "runtime/word_search.h"

#include <errno.h>
#include <string.h>

static atomic_bool on;

/* What hinders; an error number, or 0. Written by the start. */
static int obstacle;

/* Written inside collections. */
static atomic_count searched_bytes, search_ns;

/* ---- One search ---- */

static uint64_t bytes;

static void search(const void *start, const void *end, uintptr_t at, enum memory_owner owner)
{
    (void)at;
    (void)owner;
    bytes += (uintptr_t)end - (uintptr_t)start;
    word_search(start, end);
}

void malloc_search_push(void)
{
    if (!load_acquire(&on))     /* acquire: what a search needs is there */
        return;
    uint64_t begin = monotonic_ns();
    bytes = 0;
    word_search_begin();
    if (!malloc_memory_each(search, false))
        word_search_everything();
    word_search_end();
    uint64_t end = monotonic_ns();
    search_pace_searched(bytes, begin, end);
    add_relaxed(&searched_bytes, bytes);
    add_relaxed(&search_ns, end - begin - word_search_marking_ns());
}

void malloc_search_before_stop(void)
{
    if (load_relaxed(&on))
        malloc_memory_tidy_up();
}

bool malloc_search_is_on(void)
{
    return load_relaxed(&on);
}

void malloc_search_counts(struct malloc_search_counts *counts)
{
    counts->bytes = load_relaxed(&searched_bytes);
    counts->ns = load_relaxed(&search_ns);
}

/* ---- On and off ---- */

int malloc_search_set(bool wanted)
{
    if (wanted && obstacle != 0) {
        errno = obstacle;
        return -1;
    }
    store_release(&on, wanted);
    if (!wanted)
        search_pace_end();
    return 0;
}

void malloc_search_start(void)
{
    const char *word = environment_search();
    bool wanted = word != NULL ? strcmp(word, "malloc") == 0 : collector_is_ours();
    if (!malloc_memory_recognize())
        obstacle = ENOTSUP;
    else if (!malloc_memory_prepare() || !word_search_prepare())
        obstacle = ENOMEM;
    if (wanted && malloc_search_set(true) != 0)
        say("malloc memory is not searched for handles, because %s; see hapax_search_malloc(3)",
            obstacle == ENOTSUP ? "the program uses a malloc that the library does not know"
                                : "there is not enough memory");
}

int hapax_search_malloc(bool wanted)
{
    return thread_enter() != NULL ? malloc_search_set(wanted) : -1;
}
