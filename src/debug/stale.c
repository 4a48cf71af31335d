/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "debug/stale.h"

#include "base/environment.h"
#include "base/pages.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/runs.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool stale_is_on;

/* At the end of each value's object: what a collection notes of one in doubt. */
struct note {
    struct note *next;
    const void *object, *value;
    size_t size;
    const char *values;         /* what they are called */
};

/* An evicted value. */
enum { TEXT_BYTES = 61, KEPT = 8192 };
struct kept {
    char *object;               /* NULL: none yet */
    size_t bytes, size;
    char values[24], text[TEXT_BYTES];
};

static size_t page_bytes;
static struct kept *ring;       /* written inside collections, the oldest first to go */
static size_t ring_next;
static struct note *doubted;    /* a collection's own */
static bool unsure;             /* something was brought back */
static struct sigaction previous, first;    /* what was there before this handler */

/* ---- Values on pages of their own ---- */

/* The collector adds a byte. */
static size_t whole_pages(size_t size)
{
    return (size + sizeof(struct note) + page_bytes) / page_bytes * page_bytes - 1;
}

static bool has_own_pages(const void *object, size_t bytes)
{
    return collector_scan_size(object) == 0 && (uintptr_t)object % page_bytes == 0 && bytes % page_bytes == 0;
}

/* ---- A collection ---- */

void stale_doubted(const void *object, const void *value, size_t size, const char *values)
{
    size_t bytes = collector_size(object);
    if (!has_own_pages(object, bytes))
        return;
    struct note *note = (struct note *)((uintptr_t)object + bytes - sizeof *note);
    *note = (struct note){doubted, object, value, size, values};
    doubted = note;
}

void stale_decided(void)
{
    for (const struct note *note = doubted; note != NULL; note = note->next)
        collector_mark(note->object);
    for (size_t i = 0; stale_is_on && i < KEPT && ring[i].object != NULL; i++)
        collector_mark(ring[i].object);
}

void stale_brought_back(void)
{
    unsure = true;
}

void stale_reclaim_begin(void)
{
    for (const struct note *note = doubted; note != NULL && !unsure; note = note->next)
        collector_unmark(note->object);
}

/* The value as a text of one line, cut off where it is long. */
static void describe(char *text, const char *value, size_t size)
{
    size_t shown = size < TEXT_BYTES ? size : TEXT_BYTES - 4;
    for (size_t i = 0; i < shown; i++)
        text[i] = value[i] >= ' ' && value[i] <= '~' ? value[i] : '.';
    strcpy(text + shown, shown < size ? "..." : "");
}

/* The oldest is the collector's again. */
static void release(struct kept *kept)
{
    if (kept->object != NULL)
        (void)mprotect(kept->object, kept->bytes, PROT_READ | PROT_WRITE);
}

static void keep(const struct note *note)
{
    struct kept *kept = &ring[ring_next++ % KEPT];
    release(kept);
    kept->size = note->size;
    snprintf(kept->values, sizeof kept->values, "%s", note->values);
    describe(kept->text, note->value, note->size);
    kept->bytes = collector_size(note->object);
    kept->object = (char *)(uintptr_t)note->object;
    /* Where the system allows no more mappings, a thread that uses it finds no value there at least. */
    memset(kept->object, 0xdb, kept->bytes);
    if (mprotect(kept->object, kept->bytes, PROT_NONE) == 0)
        (void)madvise(kept->object, kept->bytes, MADV_DONTNEED);
}

static void watch_faults(void);

void stale_reclaim_end(void)
{
    for (struct note *note = doubted, *next; note != NULL; note = next) {
        next = note->next;
        if (!collector_survived(note->object))
            keep(note);
    }
    doubted = NULL;
    unsure = false;
    if (unlikely(stale_is_on))
        watch_faults();
}

/* ---- Its use ---- */

static const struct kept *find(const char *address)
{
    for (size_t i = 0; i < KEPT; i++)
        if (ring[i].object != NULL && address >= ring[i].object && address < ring[i].object + ring[i].bytes)
            return &ring[i];
    return NULL;
}

/* The handler that was there last, then, if that one passes the fault on to this one, the one that was there first. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    static _Thread_local unsigned passed;
    const struct sigaction *next = passed == 0 ? &previous : &first;
    if (passed > 1 || next->sa_handler == SIG_DFL || next->sa_handler == SIG_IGN) {
        signal(number, SIG_DFL);    /* the access is repeated */
        return;
    }
    passed++;
    if ((next->sa_flags & SA_SIGINFO) != 0)
        next->sa_sigaction(number, info, context);
    else
        next->sa_handler(number);
    passed--;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    const struct kept *kept = find(info->si_addr);
    if (kept == NULL) {
        pass_on(number, info, context);
        return;
    }
    char line[300];
    int length = snprintf(line, sizeof line,
                          "hapax: %s \"%s\" of %zu bytes at %p was used after it was evicted: its handle is in memory "
                          "that is not searched\n",
                          kept->values, kept->text, kept->size, (void *)kept->object);
    if (length < 0 || write(STDERR_FILENO, line, (size_t)length) < 0)
        _exit(1);
    abort();
}

/* Others may have set a handler since, the collector in incremental mode for one. */
static void watch_faults(void)
{
    struct sigaction there, ours = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    sigemptyset(&ours.sa_mask);
    sigaction(SIGSEGV, NULL, &there);
    if ((there.sa_flags & SA_SIGINFO) != 0 && there.sa_sigaction == on_fault)
        return;
    previous = there;
    sigaction(SIGSEGV, &ours, NULL);
}

int stale_start(void)
{
    if (stale_is_on || !environment_debug("stale"))
        return 0;
    page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    ring = pages_alloc(KEPT * sizeof *ring);
    if (ring == NULL)
        return -1;
    stale_is_on = true;
    runs_value_size = whole_pages;
    watch_faults();
    first = previous;
    return 0;
}
