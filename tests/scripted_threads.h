/* SPDX-License-Identifier: MIT */
/* What the tests with real threads under the scripted collector share. */
#ifndef TESTS_SCRIPTED_THREADS_H
#define TESTS_SCRIPTED_THREADS_H

#include "scripted_collector.h"

#include "runtime/thread.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

/* A sequence of its own for each thread, the same in each run. */
struct dice {
    uint64_t state;
};

static inline uint64_t spread(uint64_t number)
{
    number = (number ^ number >> 32) * UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 29) * UINT64_C(0xd6e8feb86659fd93);
    return number ^ number >> 32;
}

static inline uint64_t throw_dice(struct dice *dice, uint64_t sides)
{
    return spread(++dice->state) % sides;
}

static inline void join_one(void *thread)
{
    pthread_join(*(pthread_t *)thread, NULL);
}

/* Runs the function in so many threads at once, each with its number. */
static inline void run_threads(unsigned count, void *(*function)(void *number))
{
    pthread_t threads[16];
    for (uintptr_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, function, (void *)i) != 0)
            abort();
    for (unsigned i = 0; i < count; i++)
        world_blocking(join_one, &threads[i]);
}

/* A collection that finds nothing in dead frames. */
__attribute__((noinline, unused)) static void collect_cleanly(void)
{
    char frames[16384];
    memset(frames, 0, sizeof frames);
    keep_reachable(frames);
    hapax_collect();
}

#endif
