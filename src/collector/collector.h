/* SPDX-License-Identifier: MIT */
/* The seam to the garbage collector: everything hapax asks of it. collector.c implements it on bdwgc and is the only
 * file that includes its headers; the tests implement it a second time on malloc with scripted death.
 *
 * What holds:
 *   - A collection calls mark_end, decide and reclaim_end, in this order and on one thread. mark_end runs with the
 *     world stopped (threads that the collector does not know excepted) and the mark bits complete. decide runs with
 *     the world running, before the collector marks anything more and before it sweeps. reclaim_end runs with the world
 *     running, before the collector hands out memory that it found dead. Between decide and reclaim_end the collector
 *     may mark more objects: those that foreign finalizers bring back. None of the three may allocate collected memory;
 *     mark_end may take no lock at all.
 *   - An object is a block of collected memory; its base is its lowest address, aligned to COLLECTOR_GRANULE.
 *   - Stacks and registers of known threads, static data and scanned memory keep alive what they point into;
 *     memory of other kinds does not. */
#ifndef HAPAX_COLLECTOR_H
#define HAPAX_COLLECTOR_H

#include <signal.h>
#include "base/sync.h"
#include "collector/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Alignment of every object, and the unit of its size. */
enum { COLLECTOR_GRANULE = 16 };

struct collector_hooks {
    void (*before_stop)(void);   /* the threads are about to be stopped; no lock of ours may be taken */
    /* The collector is about to search the stacks, and has; may run more than once, with the world stopped or not. */
    void (*before_stacks)(bool is_stopped);
    void (*after_stacks)(void);
    /* Marking begins: call collector_push_range for each range. May run more than once; `first_of_stop` tells the first
     * time since the world was stopped: what is pushed then need not be pushed again. */
    void (*push_roots)(bool first_of_stop);
    void (*mark_end)(void);
    void (*decide)(void);
    /* Between decide and reclaim_end: a foreign finalizer is about to get this object, which lives on with all that it
     * reaches. What is only reached by such objects is at rest. Marking is allowed as in mark_end. */
    void (*brought_back)(const void *object);
    /* Likewise: the collector keeps this object, and has marked it and all that it reaches, although it was not marked
     * at mark_end. Marking is allowed as in mark_end. */
    void (*kept)(const void *object);
    void (*reclaim_end)(void);
};

/* Starts the collector where nobody has yet, and hangs the hooks into it: from some collection on that begins before
 * this returns, they are called. Collections may run beside it. One call at a time; after a failure, or in the child of
 * a fork that came beside it, it may be called again. 0, or -1 with errno: ENOTSUP if the heap
 * lies at addresses that cannot be used. */
int collector_start(const struct collector_hooks *hooks);
/* Whether anybody has started the collector, and whether collector_start was the one. */
bool collector_is_initialized(void);
bool collector_is_ours(void);

/* The program may have replaced the collector's functions that tell us of such objects: installs ours again. Call it
 * before our own marker gets something to do. */
void collector_watch(void);

/* From now on the calling thread, which runs on a stack of the program's making, is made known or starts the collector
 * with a stack that ends at this address. 0: at the end of the stack that the system knows of. */
void collector_set_first_base(uintptr_t base);
/* Makes the calling thread known. 1: it was not known before, and the library takes it off at its end; 0: other code
 * has made it known; -1 with errno: it cannot be made known. May be called again, because the other code may have
 * taken the thread off. */
int collector_register_thread(void);
void collector_unregister_thread(void);
/* The collector's handle of the calling thread, which is known, and the highest address of its stack. */
void *collector_stack(uintptr_t *base);
/* Only inside collector_exclude, before_stacks and after_stacks: where this thread's stack ends. */
void collector_set_stack_base(void *handle, uintptr_t base);

/* Around a fork, of a collector that is ours: innermost. Another one sees to it itself. */
void collector_fork_prepare(void);
void collector_fork_parent(void);
void collector_fork_child(void);

/* Scanned memory is zeroed, and a pointer one past its end leads to no neighbour; plain memory is neither. NULL where
 * memory is short. May run foreign finalizers. All that allocates or collects leaves errno alone, where it fails
 * too. */
void *collector_alloc_scanned(size_t size);
void *collector_alloc_plain(size_t size);
/* Scanned memory that is never collected; freed by hand. */
void *collector_alloc_root(size_t size);
void collector_free_root(void *block);

/* Kinds of objects that can be told from all others: canonical values. */
enum collector_kind {
    COLLECTOR_PLAIN,            /* of no such kind, and not searched for pointers */
    COLLECTOR_VALUE,            /* a value, not searched */
    COLLECTOR_SCANNED_VALUE,    /* a value that is searched; zeroed */
};
void *collector_alloc_one(enum collector_kind kind, size_t size);
/* Fills *run with a list, linked through its first words, of objects of `size` bytes (a multiple of the granule), NULL
 * where memory is short. *run is not in scanned memory: at each mark_end the caller marks the objects that it keeps. */
void collector_alloc_run(enum collector_kind kind, size_t size, void **run);
/* Whether the object with this base is a value. The caller holds it. */
bool collector_is_value(const void *base);

/* What the caller has stored pointers in after allocating it, for collectors that are told of writes. */
void collector_wrote(const void *object);

/* A pointer this far behind the base of an object keeps it alive wherever it is found; where a program has turned that
 * off for interior pointers, it would else do so only from stacks and registers. */
void collector_recognize_offset(size_t offset);

/* The base of the object that the pointer points into, or NULL where it points into none. */
void *collector_base(const void *pointer);
/* Whether a pointer to the inside of an object keeps it alive wherever the pointer stands. If not, only those on stacks
 * and in registers do, and those of a recognized offset. */
bool collector_inner_pointers_count(void);
/* The first byte of an object as the program knows it: it lies behind the base if a debugging function of the collector
 * has put a header in front. */
void *collector_first_byte(void *base);
/* Usable bytes of the object at this base. */
size_t collector_size(const void *base);

/* Only inside mark_end and decide, and in epoch_look. The argument is the base of an object. */
bool collector_is_marked(const void *base);
void collector_mark(const void *base);
/* The same, for an address that was once the base of an object: whether it still is one, and marked. A program that
 * works with the collector itself may free by hand what it has given to the library, and then nothing is left whose
 * mark could be looked at. Where another object has taken the place since, the answer is about that one. */
bool collector_lives(const void *base);
/* The same question without the mark, inside mark_end and reclaim_end. */
bool collector_is_object(const void *base);
/* Only inside decide: the indices of those words that hold the base of an unmarked object; words below
 * COLLECTOR_GRANULE hold none. Answers how many. Fastest where the objects lie in the order of their addresses. */
size_t collector_find_unmarked(atomic_word *words, size_t count, uint16_t *indices);
/* Only inside mark_end, for our own marker. Where the word points into an object that is not marked: marks it, answers
 * its base, and in *contents what is to be searched. Else NULL. */
void *collector_mark_word(uintptr_t word, struct collector_range *contents);
/* The same for an object whether it is marked or not: what is to be searched. */
struct collector_range collector_mark_anew(const void *base);
/* Of a range with other low bits: marks what it leads to, and pushes what is then left to search onto the stack, of
 * which `top` is the first free place and `limit` the end. Answers the new top, or NULL if there was no room for all.
 * It does not say which objects it has marked. */
struct collector_range *collector_search_special(struct collector_range range, struct collector_range *top,
                                                 struct collector_range *limit);
/* How many bytes of this object may hold pointers. */
size_t collector_scan_size(const void *base);
void collector_unmark(const void *base);    /* inside reclaim_end too, for what takes up whole pages */
/* Calls visit for each marked object that is to be searched for pointers. */
void collector_each_marked(void (*visit)(const void *base));
/* Only inside reclaim_end, for what was the base of an object at mark_end: whether it lives on. */
bool collector_survived(const void *base);
/* Only inside push_roots: [start, end) is searched for pointers. */
void collector_push_range(const void *start, const void *end);
/* Every object of the heap lies in [low, high). */
void collector_heap_range(uintptr_t *low, uintptr_t *high);
/* Whether the page with this address is one of the heap's, whose memory is no root. */
bool collector_is_heap(const void *address);
/* How many bytes of the heap from the beginning of this page on are free; 0 unless free memory begins here. Of those,
 * only the first page need be one that collector_is_heap knows. The allocation lock is held. */
size_t collector_free_size(const void *page);

/* Only inside push_roots: bytes allocated since the start. */
uint64_t collector_allocated(void);
/* How many bytes at least have to be allocated between two collections that the collector makes by itself. */
size_t collector_least_allocated(void);
void collector_set_least_allocated(size_t bytes);

/* Returns once no collection is running. The caller holds no lock of ours. */
void collector_wait(void);
/* Runs the function while no collection runs and none can start. It must not allocate or call the collector. */
void collector_exclude(void (*function)(void *), void *argument);
/* One full collection. */
void collector_collect(void);
/* The same, unless the program has chosen collections in small steps. */
void collector_collect_early(void);
/* The same; if the program has chosen small steps, a step of the collection that runs, or the first of a new one. */
void collector_collect_or_step(void);

/* Aborts with a line on standard error where a collection has passed without our hooks: somebody has replaced the
 * collector's event callback and does not call the one that was there. Weak pointers would dangle from then on. Most
 * collections notice before they begin. Cheap. */
void collector_check(void);

/* Bytes of the collector's heap, and of those the free ones. */
void collector_heap(uint64_t *heap_bytes, uint64_t *free_bytes);

/* The same, inside reclaim_end. */
void collector_heap_inside(uint64_t *heap_bytes, uint64_t *free_bytes);

/* Takes out of a set those signals that a known thread must not block: the collector stops and restarts threads with
 * them, or learns of writes. */
void collector_let_through(sigset_t *blocked);
/* While the world is stopped: whether a thread of which the system says that it blocks these signals, a bit each from 1
 * on, stands still for the collector. */
bool collector_is_stopped(uint64_t blocked);

#endif
