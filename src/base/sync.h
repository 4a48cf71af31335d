/* SPDX-License-Identifier: MIT */
/* Order-named atomics, spinning and parking.
 *
 * The name of each operation contains its memory order, so a reader of the code sees at every use which order it relies
 * on. The reason is in a comment beside the use. Built on C11 <stdatomic.h>. */
#ifndef HAPAX_SYNC_H
#define HAPAX_SYNC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined __SANITIZE_THREAD__ || defined SYNC_EXPLORE
#define SYNC_THREAD_SANITIZER 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define SYNC_THREAD_SANITIZER 1
#endif
#endif

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

/* Two cache lines of common hardware prefetchers would be 128; one is what a writer invalidates. */
#define CACHE_LINE 64

/* What tests do after each operation: the explorer of interleavings may switch threads there, and in the hard build a
 * thread pauses now and then, so that whole collections come between two operations. */
#ifdef HAPAX_HARD_TESTS
void sync_pause_now_and_then(void);     /* pauses.c */
#endif
#if defined SYNC_EXPLORE
void sync_explore_point(bool has_written);
#define sync_after(has_written) sync_explore_point(has_written)
#elif defined HAPAX_HARD_TESTS
#define sync_after(has_written) sync_pause_now_and_then()
#endif

#ifdef sync_after
#define sync_value(operation, has_written)                                                                            \
    __extension__({ __auto_type sync_result = (operation); sync_after(has_written); sync_result; })
#define sync_read(operation) sync_value(operation, false)
#define sync_changed(operation) sync_value(operation, true)
#define sync_written(operation) ((operation), sync_after(true))
#else
#define sync_read(operation) operation
#define sync_changed(operation) operation
#define sync_written(operation) operation
#endif

#define load_relaxed(p) sync_read(atomic_load_explicit((p), memory_order_relaxed))
#define load_acquire(p) sync_read(atomic_load_explicit((p), memory_order_acquire))
#define store_relaxed(p, v) sync_written(atomic_store_explicit((p), (v), memory_order_relaxed))
#define store_release(p, v) sync_written(atomic_store_explicit((p), (v), memory_order_release))
#define add_relaxed(p, v) sync_changed(atomic_fetch_add_explicit((p), (v), memory_order_relaxed))
#define sub_relaxed(p, v) sync_changed(atomic_fetch_sub_explicit((p), (v), memory_order_relaxed))
#define sub_release(p, v) sync_changed(atomic_fetch_sub_explicit((p), (v), memory_order_release))
/* All threads see these in one order: for two threads, each of which writes one word and then reads the other's. */
#define load_seq_cst(p) sync_read(atomic_load_explicit((p), memory_order_seq_cst))
#define store_seq_cst(p, v) sync_written(atomic_store_explicit((p), (v), memory_order_seq_cst))
#define add_seq_cst(p, v) sync_changed(atomic_fetch_add_explicit((p), (v), memory_order_seq_cst))
#define exchange_relaxed(p, v) sync_changed(atomic_exchange_explicit((p), (v), memory_order_relaxed))
#define exchange_acquire(p, v) sync_changed(atomic_exchange_explicit((p), (v), memory_order_acquire))
#define exchange_acq_rel(p, v) sync_changed(atomic_exchange_explicit((p), (v), memory_order_acq_rel))
/* Strong compare-and-exchange; on failure *expected holds what was seen: relaxed, or, of cas_acq_rel, acquired. */
#define sync_cas(p, expected, desired, order, failure)                                                                \
    sync_changed(atomic_compare_exchange_strong_explicit((p), (expected), (desired), order, failure))
#define cas_relaxed(p, expected, desired) sync_cas(p, expected, desired, memory_order_relaxed, memory_order_relaxed)
#define cas_acquire(p, expected, desired) sync_cas(p, expected, desired, memory_order_acquire, memory_order_relaxed)
#define cas_release(p, expected, desired) sync_cas(p, expected, desired, memory_order_release, memory_order_relaxed)
#define cas_acq_rel(p, expected, desired) sync_cas(p, expected, desired, memory_order_acq_rel, memory_order_acquire)

/* A thread that sees, with an acquire, what is written from here on, sees what came before. The thread sanitizer knows
 * no fences, and needs none here: what they order are atomics. */
static inline void fence_release(void)
{
#ifndef SYNC_THREAD_SANITIZER
    atomic_thread_fence(memory_order_release);
#endif
}

/* Reads after this one see nothing older than the reads before it saw. */
static inline void fence_acquire(void)
{
#ifndef SYNC_THREAD_SANITIZER
    atomic_thread_fence(memory_order_acquire);
#endif
}

typedef _Atomic uintptr_t atomic_word;
typedef _Atomic uint64_t atomic_count;

/* The pointer is in a register or on the stack, where the collector sees it, at this point of the program: whatever
 * came from it before was read while its object was alive. */
static inline void keep_reachable(const void *pointer)
{
    __asm__ volatile("" : : "g"(pointer) : "memory");
}

/* The pointer held in a register under its true value: the compiler can neither compute it again later from what it
 * came from nor know where it came from. */
static inline void *reveal(void *pointer)
{
    __asm__ volatile("" : "+r"(pointer));
    return pointer;
}

static inline void spin_hint(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#elif defined __aarch64__
    __asm__ volatile("yield");
#endif
}

/* One step of waiting for another thread that holds something for some tens of nanoseconds: spins first, then gives
 * the processor away, since the holder may have been preempted or stopped, and then sleeps, since the holder may have a
 * lower priority. *turns starts at 0. */
void sync_wait_step(unsigned *turns);

/* A lock for a few instructions; never held across an allocation, a user's function or a wait for the collector. */
typedef struct spin_lock {
    atomic_uint held;
} spin_lock;

static inline bool spin_try_lock(spin_lock *lock)
{
    /* Acquire: what the last holder wrote is seen. */
    return load_relaxed(&lock->held) == 0 && exchange_acquire(&lock->held, 1u) == 0;
}

static inline void spin_acquire(spin_lock *lock)
{
    unsigned turns = 0;
    while (!spin_try_lock(lock))
        sync_wait_step(&turns);
}

static inline void spin_release(spin_lock *lock)
{
    /* Release: what this holder wrote is seen by the next one. */
    store_release(&lock->held, 0u);
}

#endif
