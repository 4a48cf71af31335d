/* SPDX-License-Identifier: MIT */
/* The heap of the scripted collector: segments of objects of one size and kind. */
#ifndef TESTS_SCRIPTED_HEAP_H
#define TESTS_SCRIPTED_HEAP_H

#include "base/sync.h"
#include "collector/collector.h"

#include <stddef.h>
#include <stdint.h>

enum kind { PLAIN = COLLECTOR_PLAIN, VALUE = COLLECTOR_VALUE, SCANNED_VALUE = COLLECTOR_SCANNED_VALUE, SCANNED, ROOT };

static inline bool is_plain(enum kind kind)
{
    return kind == PLAIN || kind == VALUE;
}
/* DYING: found dead by the collection that runs; in quarantine, for ever. */
enum state { FREE, LIVE, DYING };

enum { SEGMENT_LOG = 16, SEGMENT_BYTES = 1 << SEGMENT_LOG, SEGMENTS = 2048 };

/* Filled in before its first object is handed out; the objects' states are changed under the world's lock. */
struct segment {
    size_t stride;
    unsigned count;
    enum kind kind;
    unsigned used;                      /* from here on all are free */
    unsigned first;                     /* the segment where a large object begins; of others, itself */
    struct segment *next;               /* of the same pool */
    _Atomic unsigned char *states;
    _Atomic unsigned char *marks;       /* written by the thread that collects; read beside it by threads that look */
};

extern struct segment heap_segments[SEGMENTS];
extern unsigned heap_segments_used;

_Noreturn void heap_give_up(const char *reason);

/* Where the segment's object of that index begins. */
unsigned char *heap_object(const struct segment *segment, unsigned index);
/* The segment and the index of the object that the address points into; NULL: into none. */
struct segment *heap_find(uintptr_t address, unsigned *index);
/* The free object of the lowest address: a program that does the same again gets the same addresses. The lock is
 * held. */
void *heap_take(size_t size, enum kind kind);
/* Ends an object's life: what was in it is overwritten. */
void heap_kill(struct segment *segment, unsigned index);
/* Objects have become free: those of the lowest addresses are taken first again. */
void heap_start_over(void);

/* for (each object in this state). */
#define FOR_EACH_OBJECT(segment, index, state)                                                                        \
    for (struct segment *segment = heap_segments; segment < heap_segments + heap_segments_used; segment++)            \
        for (unsigned index = 0; index < segment->used; index++)                                                      \
            if (load_relaxed(&segment->states[index]) == (state))

#endif
