/* SPDX-License-Identifier: MIT */
/* Real threads that stop of their own accord: src/collector/collector.h's promises without a signal, for the thread
 * sanitizer. */
#include "config.h"

#include "world.h"

#include "base/sync.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>

struct known {
    struct known *next;
    const void *low, *high;     /* of its stack, while it stands still; else low is NULL */
};

/* Protects what follows. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct known *all;
static unsigned running;        /* known threads that do not stand still */
static bool locked;             /* the collector's lock */

static atomic_bool stopped;     /* under the lock; read by safe points without it */
static _Thread_local struct known *self;

/* The lock is held, from the first to the last of these. */

static void stand_still(const void *low)
{
    if (self == NULL)
        return;
    self->low = low;
    running--;
    pthread_cond_broadcast(&changed);
}

static void go_on(void)
{
    if (self == NULL)
        return;
    self->low = NULL;
    running++;
}

/* Calls the function, whose frame lies below all registers that it must preserve. Keeps its own frame meanwhile. */
static __attribute__((noinline)) void with_registers_saved(void (*function)(void *), void *argument)
{
    __builtin_unwind_init();
    function(argument);
    keep_reachable(argument);
}

static __attribute__((noinline)) void take_lock(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    stand_still(__builtin_frame_address(0));
    while (locked || load_relaxed(&stopped))
        pthread_cond_wait(&changed, &lock);
    go_on();
    locked = true;
    pthread_mutex_unlock(&lock);
}

void world_lock(void)
{
    with_registers_saved(take_lock, NULL);
}

void world_unlock(void)
{
    pthread_mutex_lock(&lock);
    locked = false;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static __attribute__((noinline)) void wait_for_the_start(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    stand_still(__builtin_frame_address(0));
    while (load_relaxed(&stopped))
        pthread_cond_wait(&changed, &lock);
    go_on();
    pthread_mutex_unlock(&lock);
}

void world_safepoint(void)
{
    if (load_relaxed(&stopped))
        with_registers_saved(wait_for_the_start, NULL);
}

/* In place of src/base/sync.c: who waits for somebody who stands still has to stand still too. */
void sync_wait_step(unsigned *turns)
{
    world_safepoint();
    if (++*turns > 16)
        sched_yield();
}

struct blocking {
    void (*function)(void *);
    void *argument;
};

static __attribute__((noinline)) void block(void *data)
{
    struct blocking *blocking = data;
    pthread_mutex_lock(&lock);
    stand_still(__builtin_frame_address(0));
    pthread_mutex_unlock(&lock);
    blocking->function(blocking->argument);
    pthread_mutex_lock(&lock);
    while (load_relaxed(&stopped))
        pthread_cond_wait(&changed, &lock);
    go_on();
    pthread_mutex_unlock(&lock);
}

void world_blocking(void (*function)(void *), void *argument)
{
    struct blocking blocking = {function, argument};
    with_registers_saved(block, &blocking);
}

static __attribute__((noinline)) void stop(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lock);
    store_relaxed(&stopped, true);
    stand_still(__builtin_frame_address(0));
    while (running > 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void world_stop(void)
{
    with_registers_saved(stop, NULL);
}

void world_start(void)
{
    pthread_mutex_lock(&lock);
    go_on();
    store_relaxed(&stopped, false);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static __attribute__((noinline)) void scan_all(void *data)
{
    world_scan *scan = *(world_scan **)data;
    if (self != NULL)
        self->low = __builtin_frame_address(0);
    for (struct known *known = all; known != NULL; known = known->next)
        scan(known->low, known->high);
}

void world_each_stack(world_scan *scan)
{
    with_registers_saved(scan_all, &scan);
}

void world_pause(void)
{
    for (unsigned i = 0; i < 16; i++)
        sched_yield();
}

int world_register(void)
{
    if (self != NULL)
        return 0;
    struct known *known = calloc(1, sizeof *known);
    pthread_attr_t attributes;
    void *low;
    size_t size;
    if (known == NULL || pthread_getattr_np(pthread_self(), &attributes) != 0) {
        free(known);
        errno = ENOMEM;
        return -1;
    }
    pthread_attr_getstack(&attributes, &low, &size);
    pthread_attr_destroy(&attributes);
    known->high = (char *)low + size;
    pthread_mutex_lock(&lock);
    while (load_relaxed(&stopped))
        pthread_cond_wait(&changed, &lock);
    known->next = all;
    all = known;
    running++;
    pthread_mutex_unlock(&lock);
    self = known;
    return 1;
}

void world_unregister(void)
{
    pthread_mutex_lock(&lock);
    running--;
    struct known **at = &all;
    while (*at != self)
        at = &(*at)->next;
    *at = self->next;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    free(self);
    self = NULL;
}

/* The library's threads wait for work here: linked with --wrap=sem_wait. */

int __real_sem_wait(sem_t *semaphore);
int __wrap_sem_wait(sem_t *semaphore);

struct sem_wait {
    sem_t *semaphore;
    int result, error;
};

static void wait_for_semaphore(void *data)
{
    struct sem_wait *wait = data;
    wait->result = __real_sem_wait(wait->semaphore);
    wait->error = errno;
}

int __wrap_sem_wait(sem_t *semaphore)
{
    struct sem_wait wait = {.semaphore = semaphore};
    world_blocking(wait_for_semaphore, &wait);
    errno = wait.error;
    return wait.result;
}
