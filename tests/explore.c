#include "config.h"

#include "explore.h"

#include <hapax/cleanup.h>

#include "base/sync.h"
#include "runtime/thread.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#if defined SYNC_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif
#if defined __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

/* The explorer's own books need no lock: only one thread runs. */
#define UNWATCHED __attribute__((no_sanitize_thread))

enum {
    OUTSIDE = EXPLORE_THREADS,
    STACK_BYTES = 128 << 10,
    STEPS_MAX = 200000,         /* of a run: more, and something waits for ever */
    RUNS_MAX = 5000000,
    RANDOM_SWITCHES = 6,
#if defined SYNC_THREAD_SANITIZER
    SLOWNESS = 8,
#else
    SLOWNESS = 1,
#endif
};

void sync_explore_point(bool has_written);

/* ---- Fibers ---- */

enum life { ENDED, READY, WAITING };

static struct fiber {
    ucontext_t context;         /* with its registers, while it does not run */
    char *stack;
    size_t stack_bytes;
    const char *low;            /* of its stack, while it does not run */
    enum life life;
    uint64_t progress;          /* steps of its own that may end the waiting of others */
    uint64_t seen_progress;     /* of the others, when it last went on after waiting */
    struct thread *self;        /* its thread_self */
    int error;                  /* its errno */
    void (*function)(void);
    void *tsan;
    char sanitized;             /* an address for the thread sanitizer */
} fibers[EXPLORE_THREADS + 1];

static unsigned current = OUTSIDE, previous = OUTSIDE, count;
static bool still;
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
    for (unsigned i = 0; i < count; i++)
        explore_acquire(&fibers[i].sanitized);
}

void explore_scatter(void)
{
    explore_release(&scattered);
}

/* A fiber begins to run, or goes on. */
UNWATCHED static void arrive(void *fake_stack)
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

/* Lies below everything that the caller has on the stack. */
UNWATCHED static __attribute__((noinline)) const char *here(void)
{
    return __builtin_frame_address(0);
}

/* The thread sanitizer takes it for a synchronization only where one side is outside of all threads. */
UNWATCHED static __attribute__((noinline)) void switch_to(unsigned next)
{
    __builtin_unwind_init();
    struct fiber *from = &fibers[current], *to = &fibers[next];
    from->low = here();
    from->self = thread_self;
    thread_self = to->self;
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
    arrive(fake_stack);
}

UNWATCHED unsigned explore_self(void)
{
    return current;
}

UNWATCHED __attribute__((noinline)) void explore_each_stack(world_scan *scan)
{
    __builtin_unwind_init();
    for (unsigned i = 0; i < count; i++) {
        const struct fiber *fiber = &fibers[i];
        if (fiber->life == ENDED)
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
/* All fibers have one copy of each thread-local variable. Two of them are exchanged when fibers are: thread_self and errno.
 * The executor counts in a third how many tasks its thread is amidst, for forks, of which there are none here: that
 * is no race, since real threads have one each. */
__attribute__((visibility("default"))) const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race_top:run_next\n";
}
#endif

/* ---- What stays from run to run ---- */

/* Registries of the process, which no run leaves an object in, but whose words are used up: each run finds them as the
 * first did. Linked with --wrap=pages_alloc and --wrap=pages_free. */
static struct pages {
    void *start, *as_first;
    size_t size;
} all_pages[64];
static unsigned pages_count;

void *__real_pages_alloc(size_t size);
void __real_pages_free(void *start, size_t size);
void *__wrap_pages_alloc(size_t size);
void __wrap_pages_free(void *start, size_t size);

UNWATCHED void *__wrap_pages_alloc(size_t size)
{
    void *start = __real_pages_alloc(size);
    if (pages_count == sizeof all_pages / sizeof *all_pages)
        abort();
    all_pages[pages_count++] = (struct pages){start, NULL, size};
    return start;
}

UNWATCHED void __wrap_pages_free(void *start, size_t size)
{
    for (unsigned i = 0; i < pages_count; i++)
        if (all_pages[i].start == start)
            all_pages[i--] = all_pages[--pages_count];
    __real_pages_free(start, size);
}

static void remember_pages(void)
{
    for (struct pages *pages = all_pages; pages < all_pages + pages_count; pages++) {
        free(pages->as_first);
        pages->as_first = malloc(pages->size);
        memcpy(pages->as_first, pages->start, pages->size);
    }
}

static void restore_pages(void)
{
    for (struct pages *pages = all_pages; pages < all_pages + pages_count; pages++)
        if (pages->as_first != NULL)
            memcpy(pages->start, pages->as_first, pages->size);
}

/* ---- The order in which they run ---- */

/* Every choice between several threads; what is first is no preemption where there is one without. */
static struct choice {
    unsigned char chosen, options;
} choices[STEPS_MAX];
static unsigned depth, depth_given;

/* What happened, for whoever wants to see it again. */
static struct turn {
    unsigned step, to;
} turns[STEPS_MAX], wanted[STEPS_MAX];
static unsigned turns_count, wanted_count, wanted_next;

static enum mode { EXHAUSTIVE, RANDOM, AGAIN } mode;
static unsigned steps, preemptions, longest;
static uint64_t progress;       /* of all */
static unsigned random_switches[RANDOM_SWITCHES];
static uint64_t dice;

static const struct scenario *running;
static unsigned tests;
static const char *only;
static unsigned random_factor = 1, more_preemptions;

UNWATCHED static uint64_t throw_dice(uint64_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice % sides;
}

static void print_order(void)
{
    char line[120];
    int length = snprintf(line, sizeof line, "# order: %s ", running->name);
    (void)!write(1, line, (size_t)length);
    for (unsigned i = 0; i < turns_count; i++) {
        length = snprintf(line, sizeof line, "%s%u:%u", i > 0 ? "," : "", turns[i].step, turns[i].to);
        (void)!write(1, line, (size_t)length);
    }
    (void)!write(1, "\n", 1);
}

static _Noreturn void give_up(void)
{
    fflush(stdout);
    print_order();
    printf("not ok %u - %s\nBail out! the order above went wrong\n", tests + 1, running->name);
    fflush(stdout);
    _exit(1);
}

void explore_fail(const char *file, int line, const char *condition, const char *format, ...)
{
    printf("# %s:%d: thread %u, step %u: %s\n# ", file, line, current, steps, condition);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    give_up();
}

static void crash(int number)
{
    printf("# thread %u, step %u: signal %d\n", current, steps, number);
    give_up();
}

UNWATCHED static uint64_t progress_of_others(unsigned i)
{
    return progress - fibers[i].progress;
}

/* Whoever waits has looked at something at some time since it last went on: anything done since may have changed it. */
UNWATCHED static bool can_run(unsigned i)
{
    return fibers[i].life == READY ||
           (fibers[i].life == WAITING && progress_of_others(i) > fibers[i].seen_progress);
}

UNWATCHED static unsigned others(unsigned *options, unsigned n)
{
    for (unsigned i = 0; i < count; i++)
        if (i != current && can_run(i))
            options[n++] = i;
    return n;
}

UNWATCHED static unsigned choose_exhaustively(const unsigned *options, unsigned n)
{
    struct choice *choice = &choices[depth++];
    if (depth > depth_given)
        *choice = (struct choice){0, (unsigned char)n};
    else
        MUST(choice->options == n, "the scenario does not do the same again");
    return options[choice->chosen];
}

UNWATCHED static unsigned choose(const unsigned *options, unsigned n)
{
    if (mode == AGAIN && wanted_next < wanted_count && wanted[wanted_next].step == steps)
        return wanted[wanted_next++].to;
    if (n == 1 || mode == AGAIN)
        return options[0];
    if (mode == RANDOM)
        return options[throw_dice(n)];
    return choose_exhaustively(options, n);
}

UNWATCHED static void take_turns(unsigned next)
{
    if (next == current)
        return;
    turns[turns_count++] = (struct turn){steps, next};
    switch_to(next);
}

UNWATCHED static void count_step(bool is_progress)
{
    MUST(++steps < STEPS_MAX, "something waits for ever");
    progress += is_progress;
    fibers[current].progress += is_progress;
}

UNWATCHED static bool may_preempt(void)
{
    if (mode == EXHAUSTIVE)
        return preemptions < running->preemptions;
    if (mode == AGAIN)
        return wanted_next < wanted_count && wanted[wanted_next].step == steps;
    for (unsigned i = 0; i < RANDOM_SWITCHES; i++)
        if (random_switches[i] == steps)
            return true;
    return false;
}

UNWATCHED void sync_explore_point(bool has_written)
{
    if (current == OUTSIDE || still)
        return;
    count_step(has_written);
    if (likely(!may_preempt()))
        return;
    unsigned options[EXPLORE_THREADS] = {current}, n = others(options, 1);
    unsigned next = choose(options, n);
    preemptions += next != current;
    take_turns(next);
}

UNWATCHED void explore_wait(void)
{
    MUST(!still, "somebody is waited for while the world is stopped");
    MUST(current != OUTSIDE, "somebody is waited for outside of all threads");
    count_step(false);
    unsigned self = current, options[EXPLORE_THREADS], n = others(options, 0);
    fibers[self].life = WAITING;
    if (n == 0) {
        MUST(can_run(self), "all threads wait");
        options[n++] = self;
    }
    take_turns(choose(options, n));
    fibers[self].life = READY;
    fibers[self].seen_progress = progress_of_others(self);
}

/* In place of src/base/sync.c. */
void sync_wait_step(unsigned *unused)
{
    (void)unused;
    explore_wait();
}

UNWATCHED void explore_hold_still(bool yes)
{
    still = yes;
}

UNWATCHED static void run_fiber(void)
{
    arrive(NULL);
    for (;;) {
        fibers[current].function();
        count_step(true);
        fibers[current].life = ENDED;
        unsigned options[EXPLORE_THREADS], n = others(options, 0), left = 0;
        for (unsigned i = 0; i < count; i++)
            left += fibers[i].life != ENDED;
        MUST(n > 0 || left == 0, "all threads that are left wait");
        take_turns(left > 0 ? choose(options, n) : OUTSIDE);
    }
}

static void make_fibers(void)
{
    for (unsigned i = 0; i < EXPLORE_THREADS; i++) {
        struct fiber *fiber = &fibers[i];
        fiber->stack_bytes = STACK_BYTES;
        fiber->stack = calloc(1, STACK_BYTES);
        getcontext(&fiber->context);
        fiber->context.uc_stack.ss_sp = fiber->stack;
        fiber->context.uc_stack.ss_size = STACK_BYTES;
        fiber->low = fiber->stack;
        makecontext(&fiber->context, run_fiber, 0);
#if defined SYNC_THREAD_SANITIZER
        fiber->tsan = __tsan_create_fiber(0);
#endif
        /* A thread of the library for each. */
        thread_self = NULL;
        fiber->self = thread_enter();
    }
#if defined SYNC_THREAD_SANITIZER
    fibers[OUTSIDE].tsan = __tsan_get_current_fiber();
#endif
    thread_self = NULL;
    thread_enter();
}

/* Nothing of the last run lies on a stack, or in a thread's runs. */
static void clean_up(void)
{
    for (unsigned i = 0; i < count; i++) {
        memset(fibers[i].stack, 0, (size_t)(fibers[i].low - fibers[i].stack));
        memset(fibers[i].self->runs, 0, sizeof fibers[i].self->runs);
        fibers[i].error = 0;
    }
    memset(thread_self->runs, 0, sizeof thread_self->runs);
}

static void run_once(void)
{
    depth = turns_count = wanted_next = steps = preemptions = 0;
    clean_up();
    restore_pages();
    running->begin();
    unsigned options[EXPLORE_THREADS];
    for (unsigned i = 0; i < count; i++) {
        fibers[i].function = running->threads[i];
        fibers[i].life = READY;
        fibers[i].seen_progress = progress_of_others(i);
        options[i] = i;
    }
    explore_scatter();
    take_turns(choose(options, count));
    explore_gather();
    if (running->end != NULL)
        running->end();
    if (steps > longest)
        longest = steps;
}

/* The next order in depth first: false after the last. */
static bool next_order(void)
{
    while (depth > 0 && choices[depth - 1].chosen + 1 == choices[depth - 1].options)
        depth--;
    if (depth == 0)
        return false;
    choices[depth - 1].chosen++;
    depth_given = depth;
    return true;
}

static void explore_all(void)
{
    unsigned runs = 0, orders = 0;
    bool more = true;
    mode = EXHAUSTIVE;
    for (depth_given = 0; more && runs < RUNS_MAX / SLOWNESS; runs++) {
        run_once();
        more = next_order();
    }
    orders = runs;
    mode = RANDOM;
    for (runs = 0; runs < running->random_runs / SLOWNESS * random_factor; runs++) {
        for (unsigned i = 0; i < RANDOM_SWITCHES; i++)
            random_switches[i] = (unsigned)throw_dice(longest + 1);
        run_once();
    }
    printf("# %s: %s %u orders with up to %u preemptions, %u others; up to %u steps\n", running->name,
           more ? "only" : "all", orders, running->preemptions, runs, longest);
}

void explore(const struct scenario *scenario)
{
    if (only != NULL && strcmp(only, scenario->name) != 0)
        return;
    struct scenario copy = *scenario;
    copy.preemptions += more_preemptions;
    if (SLOWNESS > 1 && copy.preemptions > 0)
        copy.preemptions--;
    running = &copy;
    longest = 0;
    for (count = 0; count < EXPLORE_THREADS && scenario->threads[count] != NULL;)
        count++;
    /* What is done once in a process is done before anything counts. */
    mode = AGAIN;
    unsigned given = wanted_count;
    wanted_count = 0;
    run_once();
    remember_pages();
    wanted_count = given;
    if (wanted_count > 0)
        run_once();
    else
        explore_all();
    printf("ok %u - %s\n", ++tests, scenario->name);
    fflush(stdout);
}

static void parse_order(const char *text)
{
    for (; sscanf(text, "%u:%u", &wanted[wanted_count].step, &wanted[wanted_count].to) == 2; text++) {
        wanted_count++;
        if ((text = strchr(text, ',')) == NULL)
            break;
    }
}

void explore_begin(int argc, char **argv)
{
#if defined __SANITIZE_ADDRESS__
    /* It follows neither the switches of stacks here nor what lies on a stack that stands still. */
    puts("1..0 # SKIP the address sanitizer takes the fibers' stacks for its own");
    exit(0);
#endif
    const char *seed = getenv("EXPLORE_SEED"), *factor = getenv("EXPLORE_FACTOR"),
               *more = getenv("EXPLORE_MORE_PREEMPTIONS");
    dice = (seed != NULL ? strtoull(seed, NULL, 10) : 0) * 2 + UINT64_C(0x9e3779b97f4a7c15);
    if (factor != NULL)
        random_factor = (unsigned)atoi(factor);
    if (more != NULL)
        more_preemptions = (unsigned)atoi(more);
    only = argc > 1 ? argv[1] : NULL;
    if (argc > 2)
        parse_order(argv[2]);
    signal(SIGABRT, crash);
#if !defined SYNC_THREAD_SANITIZER && !defined __SANITIZE_ADDRESS__
    signal(SIGSEGV, crash);
#endif
    make_fibers();
    hapax_set_cleanup_threads(0);
}

int explore_end(void)
{
    printf("1..%u\n", tests);
    return 0;
}
