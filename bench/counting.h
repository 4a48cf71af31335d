/* SPDX-License-Identifier: MIT */
/* Counts what the library writes for other threads to see. bench/counts compiles the library with this header in
   front of each file (-include); nothing in src/ knows of it.

   Each atomic operation that may write is a site with a name: the function, and what it writes to. It counts while
   the thread that runs it has counting_on set. Besides, the cache lines written since counting_begin() are kept, so
   that several writes to one line count as one line. Ordinary stores are not seen: those to shared memory stand
   under a lock or before publication, and bench/counts_probe.c shows in another way that a hit has none. */

#ifndef BENCH_COUNTING_H
#define BENCH_COUNTING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Aligned to its size, so that sites follow each other without gaps. */
struct counting_site {
    _Alignas(64) const char *file, *function, *what;
    bool read_modify_write;
    uint64_t count;
};

/* One operation's lines; what does not fit is counted in `lines` all the same. */
enum { COUNTING_MOST_LINES = 64 };
struct counting_operation {
    uintptr_t seen[COUNTING_MOST_LINES];
    unsigned count;
};

extern _Thread_local bool counting_on;
extern _Thread_local struct counting_operation counting_operation;

static inline void counting_write(struct counting_site *site, const volatile void *address)
{
    if (!counting_on)
        return;
    ++site->count;
    uintptr_t line = (uintptr_t)address / 64;
    struct counting_operation *operation = &counting_operation;
    unsigned known = operation->count < COUNTING_MOST_LINES ? operation->count : COUNTING_MOST_LINES;
    for (unsigned i = 0; i < known; ++i)
        if (operation->seen[i] == line)
            return;
    if (operation->count < COUNTING_MOST_LINES)
        operation->seen[operation->count] = line;
    ++operation->count;
}

/* The linker puts all sites in a row. The operation names the address `counted`. */
#define COUNTED(pointer, is_rmw, operation)                                                                            \
    __extension__({                                                                                                    \
        static struct counting_site counting_site __attribute__((section("counting_sites"), used)) = {                 \
            __FILE__, NULL, #pointer, is_rmw, 0};                                                                      \
        __auto_type counted = (pointer);                                                                               \
        counting_site.function = __func__;                                                                             \
        counting_write(&counting_site, counted);                                                                       \
        operation;                                                                                                     \
    })

#undef atomic_store_explicit
#undef atomic_exchange_explicit
#undef atomic_compare_exchange_strong_explicit
#undef atomic_fetch_add_explicit
#undef atomic_fetch_sub_explicit

#ifdef __clang__
#define atomic_store_explicit(p, v, order) COUNTED(p, false, __c11_atomic_store(counted, (v), (order)))
#define atomic_exchange_explicit(p, v, order) COUNTED(p, true, __c11_atomic_exchange(counted, (v), (order)))
#define atomic_compare_exchange_strong_explicit(p, e, v, order, order_else)                                            \
    COUNTED(p, true, __c11_atomic_compare_exchange_strong(counted, (e), (v), (order), (order_else)))
#define atomic_fetch_add_explicit(p, v, order) COUNTED(p, true, __c11_atomic_fetch_add(counted, (v), (order)))
#define atomic_fetch_sub_explicit(p, v, order) COUNTED(p, true, __c11_atomic_fetch_sub(counted, (v), (order)))
#else
#define atomic_store_explicit(p, v, order) COUNTED(p, false, __atomic_store_n(counted, (v), (order)))
#define atomic_exchange_explicit(p, v, order) COUNTED(p, true, __atomic_exchange_n(counted, (v), (order)))
#define atomic_compare_exchange_strong_explicit(p, e, v, order, order_else)                                            \
    COUNTED(p, true, __atomic_compare_exchange_n(counted, (e), (v), false, (order), (order_else)))
#define atomic_fetch_add_explicit(p, v, order) COUNTED(p, true, __atomic_fetch_add(counted, (v), (order)))
#define atomic_fetch_sub_explicit(p, v, order) COUNTED(p, true, __atomic_fetch_sub(counted, (v), (order)))
#endif

#endif
