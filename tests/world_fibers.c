/* SPDX-License-Identifier: MIT */
/* The explorer's threads: all but one stand still at any time, each between two steps of the sources. */
#include "config.h"

#include "explore.h"
#include "world.h"

#include <pthread.h>

void sync_explore_point(bool has_written);

static bool locked;

__attribute__((no_sanitize_thread)) void world_lock(void)
{
    sync_explore_point(true);
    while (locked)
        explore_wait();
    locked = true;
    explore_acquire(&locked);
}

__attribute__((no_sanitize_thread)) void world_unlock(void)
{
    explore_release(&locked);
    locked = false;
    sync_explore_point(true);
}

void world_stop(void)
{
    explore_hold_still(true);
    explore_gather();
}

void world_start(void)
{
    explore_scatter();
    explore_hold_still(false);
}

void world_each_stack(world_scan *scan)
{
    explore_each_stack(scan);
}

void world_pause(void)
{
    sync_explore_point(true);
}

void world_safepoint(void)
{
}

void world_blocking(void (*function)(void *), void *argument)
{
    function(argument);
}

int world_register(void)
{
    return 1;
}

void world_unregister(void)
{
}

/* A thread that waits for a mutex lets the others run: linked with --wrap=pthread_mutex_lock. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    while (pthread_mutex_trylock(mutex) != 0)
        explore_wait();
    return 0;
}
