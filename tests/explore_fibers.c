/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "explore_fibers.h"

#include "runtime/thread.h"

#include <stdlib.h>
#include <string.h>

#if defined SYNC_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif
#if defined __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

enum { STACK_BYTES = 128 << 10 };

struct fiber fibers[EXPLORE_THREADS + 1];
unsigned current = OUTSIDE, fibers_count;

static unsigned previous = OUTSIDE;
static char scattered;

void explore_acquire(void *lock)
{
#if defined SYNC_THREAD_SANITIZER
    __tsan_acquire(lock);
#else
    (void)lock;
#endif
}

void explore_release(void *lock)
{
#if defined SYNC_THREAD_SANITIZER
    __tsan_release(lock);
#else
    (void)lock;
#endif
}

UNWATCHED void explore_gather(void)
{
    for (unsigned i = 0; i < fibers_count; i++)
        explore_acquire(&fibers[i].sanitized);
}

void explore_scatter(void)
{
    explore_release(&scattered);
}

/* A fiber begins to run, or goes on. */
UNWATCHED static void go_on(void *fake_stack)
{
#if defined __SANITIZE_ADDRESS__
    const void *stack;
    size_t bytes;
    __sanitizer_finish_switch_fiber(fake_stack, &stack, &bytes);
    fibers[previous].stack = (char *)(uintptr_t)stack;
    fibers[previous].stack_bytes = bytes;
#else
    (void)fake_stack;
#endif
    explore_acquire(&scattered);
}

UNWATCHED void fiber_arrive(void)
{
    go_on(NULL);
}

/* Lies below everything that the caller has on the stack. */
UNWATCHED static __attribute__((noinline)) const char *here(void)
{
    return __builtin_frame_address(0);
}

/* The thread sanitizer takes it for a synchronization only where one side is outside of all threads. */
UNWATCHED __attribute__((noinline)) void fiber_switch_to(unsigned next)
{
    __builtin_unwind_init();
    struct fiber *from = &fibers[current], *to = &fibers[next];
    from->low = here();
    from->self = thread_self;
    from->known = thread_known;
    from->amidst = registry_amidst;
    thread_self = to->self;
    thread_known = to->known;
    registry_amidst = to->amidst;
    previous = current;
    current = next;
    explore_release(&from->sanitized);
    void *fake_stack = NULL;
#if defined __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber(&fake_stack, to->stack, to->stack_bytes);
#endif
#if defined SYNC_THREAD_SANITIZER
    __tsan_switch_to_fiber(to->tsan, previous == OUTSIDE || next == OUTSIDE ? 0 : __tsan_switch_to_fiber_no_sync);
#endif
    swapcontext(&from->context, &to->context);
    go_on(fake_stack);
}

UNWATCHED unsigned explore_self(void)
{
    return current;
}

UNWATCHED __attribute__((noinline)) void explore_each_stack(world_scan *scan)
{
    __builtin_unwind_init();
    for (unsigned i = 0; i < fibers_count; i++) {
        const struct fiber *fiber = &fibers[i];
        if (fiber->life == ENDED || fiber->life == NEW)
            continue;
        scan(i == current ? here() : fiber->low, fiber->stack + fiber->stack_bytes);
        if (i != current)
            scan(&fiber->context, &fiber->context + 1);
    }
}

/* In place of the C library's, which knows one real thread: linked with --wrap=__errno_location. */
int *__wrap___errno_location(void);
UNWATCHED int *__wrap___errno_location(void)
{
    return &fibers[current].error;
}

#if defined SYNC_THREAD_SANITIZER
/* All fibers have one copy of each thread-local variable. Some of them are exchanged when fibers are, and errno. The
 * executor counts in another how many tasks its thread runs, for forks, of which there are none here: that
 * is no race, since real threads have one each. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race_top:run_next\n";
}
#endif

void fibers_make(void)
{
    for (unsigned i = 0; i < EXPLORE_THREADS; i++) {
        struct fiber *fiber = &fibers[i];
        fiber->stack_bytes = STACK_BYTES;
        fiber->stack = calloc(1, STACK_BYTES);
        getcontext(&fiber->context);
        fiber->context.uc_stack.ss_sp = fiber->stack;
        fiber->context.uc_stack.ss_size = STACK_BYTES;
        fiber->first_context = fiber->context;
#if defined SYNC_THREAD_SANITIZER
        fiber->tsan = __tsan_create_fiber(0);
#endif
        thread_self = thread_known = NULL;
        fiber->self = fiber->known = thread_enter();
    }
#if defined SYNC_THREAD_SANITIZER
    fibers[OUTSIDE].tsan = __tsan_get_current_fiber();
#endif
    thread_self = thread_known = NULL;
    thread_enter();
}

void fibers_begin_anew(void (*run)(void))
{
    for (unsigned i = 0; i < fibers_count; i++) {
        struct fiber *fiber = &fibers[i];
        memset(fiber->stack, 0, STACK_BYTES);
        fiber->context = fiber->first_context;  /* in the place where it was got: it may point into itself */
        makecontext(&fiber->context, run, 0);
        fiber->error = 0;
    }
}
