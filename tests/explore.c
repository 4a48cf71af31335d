/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "explore.h"

#include <hapax/cleanup.h>

#include "explore_anew.h"
#include "explore_fibers.h"
#include "scripted_collector.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
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

/* ---- The order in which they run ---- */

/* Every choice between several threads; what is first is no preemption where there is one without. */
static struct choice {
    unsigned char chosen, options;
    uint64_t trace;             /* before it */
} choices[STEPS_MAX];
static unsigned depth, depth_given;

/* What happened, to see it again. */
static struct turn {
    unsigned step, to;
} turns[STEPS_MAX], wanted[STEPS_MAX];
static unsigned turns_count, wanted_count, wanted_next;

static enum mode { EXHAUSTIVE, RANDOM, AGAIN } mode;
static bool still;
static unsigned steps, preemptions, longest;
static uint64_t progress;       /* of all */
static uint64_t trace;          /* a hash of all that the run has done: the steps, who made them, the deaths */
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

/* A thread that waits has looked at something at some time since it last went on: anything done since may have changed
 * it. */
UNWATCHED static bool can_run(unsigned i)
{
    return fibers[i].life == NEW || fibers[i].life == READY ||
           (fibers[i].life == WAITING && progress_of_others(i) > fibers[i].seen_progress);
}

UNWATCHED static unsigned others(unsigned *options, unsigned n)
{
    for (unsigned i = 0; i < fibers_count; i++)
        if (i != current && can_run(i))
            options[n++] = i;
    return n;
}

UNWATCHED static unsigned choose_exhaustively(const unsigned *options, unsigned n)
{
    struct choice *choice = &choices[depth++];
    if (depth > depth_given)
        *choice = (struct choice){0, (unsigned char)n, trace};
    else
        MUST(choice->options == n && choice->trace == trace, "the scenario does not do the same again");
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
    fiber_switch_to(next);
}

UNWATCHED static void follow(uint64_t event)
{
    trace = (trace ^ event) * UINT64_C(0x100000001b3);
}

UNWATCHED static void count_step(bool is_progress)
{
    MUST(++steps < STEPS_MAX, "something waits for ever");
    follow(2 * current + is_progress);
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
    fiber_arrive();
    fibers[current].life = READY;
    fibers[current].function();
    count_step(true);
    fibers[current].life = ENDED;
    unsigned options[EXPLORE_THREADS], n = others(options, 0), left = 0;
    for (unsigned i = 0; i < fibers_count; i++)
        left += fibers[i].life != ENDED;
    MUST(n > 0 || left == 0, "all threads that are left wait");
    take_turns(left > 0 ? choose(options, n) : OUTSIDE);
    abort();
}

static void run_once(void)
{
    depth = turns_count = wanted_next = steps = preemptions = 0;
    trace = 0;
    explore_begin_anew(run_fiber);
    uint64_t deaths = script_deaths();
    running->begin();
    unsigned options[EXPLORE_THREADS];
    for (unsigned i = 0; i < fibers_count; i++) {
        fibers[i].function = running->threads[i];
        fibers[i].life = NEW;
        fibers[i].seen_progress = progress_of_others(i);
        options[i] = i;
    }
    explore_scatter();
    take_turns(choose(options, fibers_count));
    explore_gather();
    if (running->end != NULL)
        running->end();
    follow(script_deaths() - deaths);
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
    uint64_t first_trace = 0;
    mode = EXHAUSTIVE;
    for (depth_given = 0; more && runs < RUNS_MAX / SLOWNESS; runs++) {
        run_once();
        if (runs == 0)
            first_trace = trace;
        more = next_order();
    }
    orders = runs;
    mode = RANDOM;
    for (runs = 0; runs < running->random_runs / SLOWNESS * random_factor; runs++) {
        for (unsigned i = 0; i < RANDOM_SWITCHES; i++)
            random_switches[i] = (unsigned)throw_dice(longest + 1);
        run_once();
    }
    mode = AGAIN;
    run_once();
    MUST(trace == first_trace, "the scenario does not do the same again in its first order");
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
    for (fibers_count = 0; fibers_count < EXPLORE_THREADS && scenario->threads[fibers_count] != NULL;)
        fibers_count++;
    /* What is done once in a process is done before anything counts. */
    mode = AGAIN;
    unsigned given = wanted_count;
    wanted_count = 0;
    run_once();
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
    fibers_make();
    hapax_set_cleanup_threads(0);
}

int explore_end(void)
{
    printf("1..%u\n", tests);
    return 0;
}
