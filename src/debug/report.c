/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "debug/report.h"

#include "base/environment.h"
#include "base/park.h"
#include "base/say.h"
#include "base/sync.h"
#include "debug/source_place.h"
#include "runtime/background.h"
#include "runtime/mappings.h"

#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unwind.h>

bool debug_report_of_collections;
static bool is_on;

struct report {
    enum { NEVER_DIES, UNKNOWN_THREAD, COLLECTION, LOST, LOST_FURTHER } about;
    union {
        struct never_dies never_dies;
        struct unknown_thread thread;
        struct lost_thing lost;
        uint64_t further;
        struct collection_report collection;
    };
};

/* Written by collections, one at a time; read under the lock. */
enum { ROOM = 1024 };
static struct report reports[ROOM];
static atomic_count written, printed, left_out;

/* Held while somebody prints. Nobody who holds it waits for the collector. */
static pthread_mutex_t printing = PTHREAD_MUTEX_INITIALIZER;
static sem_t wake;

/* ---- Inside a collection ---- */

static bool put(const struct report *report)
{
    uint64_t number = load_relaxed(&written);
    /* Acquire: the thread that printed what was here before is done with it. */
    if (number - load_acquire(&printed) == ROOM)
        return false;
    reports[number % ROOM] = *report;
    store_release(&written, number + 1);   /* release: it is filled in */
    return true;
}

bool debug_report_never_dies(const struct never_dies *never_dies)
{
    struct report report = {.about = NEVER_DIES, .never_dies = *never_dies};
    return put(&report);
}

bool debug_report_unknown_thread(const struct unknown_thread *thread)
{
    struct report report = {.about = UNKNOWN_THREAD, .thread = *thread};
    return put(&report);
}

void debug_report_collected(const struct collection_report *collection)
{
    struct report report = {.about = COLLECTION, .collection = *collection};
    if (!put(&report))
        add_relaxed(&left_out, 1u);
}

bool debug_report_lost(const struct lost_thing *thing)
{
    struct report report = {.about = LOST, .lost = *thing};
    return put(&report);
}

void debug_report_lost_further(uint64_t count)
{
    struct report report = {.about = LOST_FURTHER, .further = count};
    if (count > 0)
        (void)put(&report);
}

void debug_report_wake(void)
{
    if (load_relaxed(&written) != load_relaxed(&printed))
        sem_post(&wake);
}

/* ---- Printing ---- */

/* Many objects are made in one place. The lock is held. */
static const char *describe_site(const void *site)
{
    enum { PLACES = 16 };
    static struct {
        const void *site;
        char text[500];
    } known[PLACES];
    static unsigned next;
    for (unsigned i = 0; i < PLACES; i++)
        if (known[i].site == site && known[i].text[0] != '\0')
            return known[i].text;
    unsigned fresh = next++ % PLACES;
    known[fresh].site = site;
    source_place_describe(site, known[fresh].text, sizeof known[fresh].text);
    return known[fresh].text;
}

static void print_never_dies(const struct never_dies *report)
{
    static const char *const reasons[] = {
        [CLEANUP_ARGUMENT_REACHES] =
            "never dies, and its cleanup never runs: only the cleanup's argument reaches it; the "
            "cleanup was added in",
        [FINALIZER_ARGUMENT_REACHES] =
            "never dies, and its finalizer never runs: only the finalizer's argument reaches it; "
            "the finalizer was set in",
        [CYCLE_OF_FINALIZERS] =
            "never dies, and its finalizer never runs: the object reaches itself; the finalizer was "
            "set in",
    };
    const char *site = describe_site(report->site);
    say("%s of %zu bytes at %p %s %s", report->type[0] != '\0' ? report->type : "object", report->size, report->object,
        reasons[report->reason], site);
}

static void print_unknown_thread(const struct unknown_thread *thread)
{
    say("thread %d (%s) is not registered with the collector, which may free what only this thread uses: "
        "call hapax_init in the thread before it uses collected memory",
        thread->task, thread->name);
}

static void print_collection(const struct collection_report *report)
{
    say("collection %" PRIu64 ": %.3f ms in hapax, %.3f ms of it with the threads stopped; heap %" PRIu64
        " KiB, %" PRIu64 " KiB free; cleanups: %" PRIu64 " pending, %" PRIu64 " queued, %" PRIu64
        " run; finalizers: %" PRIu64 " queued, %" PRIu64 " run",
        report->number, (double)report->library_ns / 1e6, (double)report->pause_ns / 1e6, report->heap_bytes >> 10,
        report->free_bytes >> 10, report->cleanups_pending, report->cleanups_queued, report->cleanups_run,
        report->finalizers_queued, report->finalizers_run);
}

/* The mapping that an address lies in. */
struct place {
    uintptr_t address;
    char name[200];
};

static void name_place(const struct mapping *mapping, void *data)
{
    struct place *place = data;
    if (place->address - mapping->start < mapping->end - mapping->start)
        snprintf(place->name, sizeof place->name, "%s", mapping->name[0] != '\0' ? mapping->name : "anonymous memory");
}

enum { QUOTED_BYTES = DEBUG_REPORT_TEXT_BYTES + sizeof "\"...\" " };

/* A text may hold anything. "" where there is none. */
static void quote(const struct lost_thing *lost, char quoted[QUOTED_BYTES])
{
    char text[DEBUG_REPORT_TEXT_BYTES + 1];
    size_t shown = lost->text_size < sizeof lost->text ? lost->text_size : sizeof lost->text;
    for (size_t i = 0; i < shown; i++)
        text[i] = lost->text[i] >= ' ' && lost->text[i] < 127 ? lost->text[i] : '?';
    text[shown] = '\0';
    quoted[0] = '\0';
    if (lost->has_text)
        snprintf(quoted, QUOTED_BYTES, "\"%s%s\" ", text, shown == lost->text_size ? "" : "...");
}

static void print_lost(const struct lost_thing *lost)
{
    static const char *const owners[] = {
        [OWNED_BY_MALLOC] = "memory of malloc",
        [OWNED_BY_MAIN_TLS] = "a thread-local variable of the main thread",
        [OWNED_BY_PROGRAM] = "memory that the program has mapped",
    };
    char buffer[MAPPINGS_BUFFER_BYTES];
    struct place place = {.address = (uintptr_t)lost->at, .name = "since unmapped"};
    (void)mappings_each(buffer, sizeof buffer, name_place, &place);
    char quoted[QUOTED_BYTES], table[sizeof lost->type + 64] = "";
    quote(lost, quoted);
    if (lost->table != NULL)
        snprintf(table, sizeof table, "of the table of type %s at %p ", lost->type, lost->table);
    const char *site = lost->site != NULL ? describe_site(lost->site) : "a place that was not recorded";
    say("lost: the %s %s%swas freed, but its address %p is still in %s at %p (%s), which is not searched; "
        "it was made in %s",
        lost->what, quoted, table, lost->object, owners[lost->where], lost->at, place.name, site);
}

void debug_report_print(void)
{
    if (likely(!is_on))
        return;
    int before = errno, cancellation = cancellation_off();
    pthread_mutex_lock(&printing);
    for (uint64_t number; (number = load_relaxed(&printed)) != load_acquire(&written);) { /* acquire: pairs with put */
        struct report report = reports[number % ROOM];
        store_release(&printed, number + 1);   /* release: it has been read */
        switch (report.about) {
        case NEVER_DIES:
            print_never_dies(&report.never_dies);
            break;
        case UNKNOWN_THREAD:
            print_unknown_thread(&report.thread);
            break;
        case COLLECTION:
            print_collection(&report.collection);
            break;
        case LOST:
            print_lost(&report.lost);
            break;
        case LOST_FURTHER:
            say("lost: %" PRIu64 " more in this collection", report.further);
            break;
        }
    }
    uint64_t missing = atomic_exchange_explicit(&left_out, 0, memory_order_relaxed);
    if (missing > 0)
        say("%" PRIu64 " lines about collections are missing: they came too fast", missing);
    pthread_mutex_unlock(&printing);
    cancellation_restore(cancellation);
    errno = before;
}

/* Not known to the collector: it touches no collected memory. */
static void *keep_printing(void *unused)
{
    (void)unused;
    pthread_setname_np(pthread_self(), "hapax-debug");
    for (;;) {
        while (sem_wait(&wake) != 0 && errno == EINTR)
            ;
        debug_report_print();
    }
    return NULL;
}

/* ---- The place of a call ---- */

static const void *file_of(const void *address)
{
    Dl_info info;
    return dladdr(address, &info) != 0 ? info.dli_fbase : NULL;
}

enum { FRAMES = 24 };

struct frames {
    const void *at[FRAMES];
    int count;
};

static _Unwind_Reason_Code take_frame(struct _Unwind_Context *context, void *data)
{
    struct frames *frames = data;
    frames->at[frames->count++] = (const void *)_Unwind_GetIP(context);
    return frames->count < FRAMES ? _URC_NO_REASON : _URC_END_OF_STACK;
}

/* The innermost caller outside of the library's file. Where the library is a part of the program itself, its own
 * callers look like everybody else. */
const void *debug_report_site(const void *caller)
{
    const void *library = file_of((const void *)(uintptr_t)&debug_report_site);
    if (library == file_of((const void *)getauxval(AT_PHDR)))
        return caller;
    /* The compiler's own, since not every C library has a backtrace. */
    struct frames frames = {.count = 0};
    _Unwind_Backtrace(take_frame, &frames);
    int i = 0;
    /* A sanitizer's frames may come first. */
    while (i < frames.count && file_of(frames.at[i]) != library)
        i++;
    while (i < frames.count && file_of(frames.at[i]) == library)
        i++;
    return i < frames.count ? frames.at[i] : caller;
}

/* ---- Start and fork ---- */

int debug_report_start(void)
{
    static bool done;
    if (done)
        return 0;
    debug_report_of_collections = environment_debug("stats");
    is_on = debug_report_of_collections || environment_debug("cleanups") || environment_debug("threads") ||
            environment_debug("lost");
    if (is_on) {
        if (sem_init(&wake, 0, 0) != 0)
            return -1;
        int error = background_start(keep_printing, NULL);
        if (error != 0) {
            errno = error;
            return -1;
        }
        /* What has come last is printed by the end of the process. */
        atexit(debug_report_print);
    }
    done = true;
    return 0;
}

void debug_report_fork_prepare(void)
{
    if (is_on)
        pthread_mutex_lock(&printing);
}

void debug_report_fork_parent(void)
{
    if (is_on)
        pthread_mutex_unlock(&printing);
}

void debug_report_fork_child(void)
{
    if (!is_on)
        return;
    /* The parent prints what has come before. */
    store_relaxed(&printed, load_relaxed(&written));
    pthread_mutex_unlock(&printing);
    sem_init(&wake, 0, 0);
    /* Where no thread can be had, hapax_collect still prints. */
    (void)background_start(keep_printing, NULL);
}
