/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=cleanups, stats and threads: prints what collections find, on standard error.
 *
 * A collection leaves its reports in memory of the library. A thread that the collector does not know prints them. So
 * does every thread that calls hapax_collect: its reports are printed when the call returns. */
#ifndef HAPAX_DEBUG_REPORT_H
#define HAPAX_DEBUG_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/malloc_memory.h"

enum debug_report_reason { CLEANUP_ARGUMENT_REACHES, FINALIZER_ARGUMENT_REACHES, CYCLE_OF_FINALIZERS };

enum { DEBUG_REPORT_TYPE_BYTES = 40 };

/* An object that will never die, or whose finalizer will never run. */
struct never_dies {
    const void *object;
    size_t size;
    char type[DEBUG_REPORT_TYPE_BYTES];    /* empty: unknown */
    const void *site;           /* the address of a call */
    enum debug_report_reason reason;
};

/* One that the collector does not know. */
struct unknown_thread {
    int task;                   /* the system's number */
    char name[20];
};

/* What one collection was like. */
struct collection_report {
    uint64_t number, pause_ns, library_ns, heap_bytes, free_bytes;
    uint64_t cleanups_pending, cleanups_queued, cleanups_run, finalizers_queued, finalizers_run;
};

/* Something that a collection takes although memory that is not searched leads to it. */
enum { DEBUG_REPORT_TEXT_BYTES = 60 };
struct lost_thing {
    const void *object, *at;    /* it, and where its address stands */
    enum memory_owner where;
    const char *what;
    const void *table;          /* of a value */
    char type[DEBUG_REPORT_TYPE_BYTES];
    bool has_text;              /* of a string: as much as there is room for */
    char text[DEBUG_REPORT_TEXT_BYTES];
    size_t text_size;
    const void *site;           /* NULL: not known */
};

/* Whether lines about collections are wanted. */
extern bool debug_report_of_collections;

/* The library's start: reads the switches. 0 or -1 with errno. */
int debug_report_start(void);

/* Inside a collection. False where there is no room now. */
bool debug_report_never_dies(const struct never_dies *report);
bool debug_report_unknown_thread(const struct unknown_thread *thread);
bool debug_report_lost(const struct lost_thing *report);
/* So many more were lost in this collection than have lines. */
void debug_report_lost_further(uint64_t count);
void debug_report_collected(const struct collection_report *report);
/* reclaim_end: has what has come printed. */
void debug_report_wake(void);

/* Prints all reports so far, and waits for other threads that print. The caller owns no lock. */
void debug_report_print(void);

/* Where the library was called from; the public function that asks was called from `caller`. */
const void *debug_report_site(const void *caller);

void debug_report_fork_prepare(void);
void debug_report_fork_parent(void);
void debug_report_fork_child(void);

#endif
