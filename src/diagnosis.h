/* HAPAX_DEBUG=cleanups and HAPAX_DEBUG=stats: what collections find out, told on standard error.
 *
 * A collection leaves its reports in memory of ours. A thread that the collector does not know prints them, and whoever
 * calls hapax_collect, so that they are out when that returns. */
#ifndef HAPAX_DIAGNOSIS_H
#define HAPAX_DIAGNOSIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum diagnosis_reason { ARGUMENT_OF_CLEANUP, ARGUMENT_OF_FINALIZER, CYCLE_OF_FINALIZERS };

enum { DIAGNOSIS_TYPE_BYTES = 40 };

/* An object that will never die, or whose finalizer will never run. */
struct never_dies {
    const void *object;
    size_t size;
    char type[DIAGNOSIS_TYPE_BYTES];    /* empty: unknown */
    const void *site;           /* the address of a call */
    enum diagnosis_reason reason;
};

/* What one collection was like. */
struct collection_report {
    uint64_t number, pause_ns, library_ns, heap_bytes, free_bytes;
    uint64_t cleanups_pending, cleanups_queued, cleanups_run, finalizers_queued, finalizers_run;
};

/* Whether lines about collections are wanted. */
extern bool diagnosis_of_collections;

/* The library's start: reads the switches. 0 or -1 with errno. */
int diagnosis_start(void);

/* Inside a collection. False where there is no room now. */
bool diagnosis_never_dies(const struct never_dies *report);
void diagnosis_collected(const struct collection_report *report);
/* reclaim_end: has what has come printed. */
void diagnosis_wake(void);

/* Prints what has come, and waits for others who are at it. The caller owns nothing. */
void diagnosis_print(void);

/* Where the library was called from; the public function that asks was called from `caller`. */
const void *diagnosis_site(const void *caller);

void diagnosis_fork_prepare(void);
void diagnosis_fork_parent(void);
void diagnosis_fork_child(void);

#endif
