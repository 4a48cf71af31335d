/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/start.h"

#include "base/park.h"
#include "base/sync.h"

#include <pthread.h>

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool started;
static _Thread_local bool holds_lock;   /* this thread forks, and owns the lock meanwhile */

int start_library(void)
{
    if (load_acquire(&started)) /* acquire: what the start has set up is seen */
        return 0;
    int cancellation = cancellation_off();
    pthread_mutex_lock(&start_lock);
    int result = 0;
    if (!load_relaxed(&started)) {
        result = start_parts();
        if (result == 0)
            store_release(&started, true);
    }
    pthread_mutex_unlock(&start_lock);
    cancellation_restore(cancellation);
    return result;
}

bool start_fork_prepare(bool must_not_wait)
{
    if (must_not_wait)
        holds_lock = pthread_mutex_trylock(&start_lock) == 0;
    else
        holds_lock = pthread_mutex_lock(&start_lock) == 0;
    return load_acquire(&started);   /* acquire: as in start_library */
}

void start_fork_parent(void)
{
    if (holds_lock)
        pthread_mutex_unlock(&start_lock);
}

void start_fork_child(void)
{
    if (holds_lock)
        pthread_mutex_unlock(&start_lock);
    else
        start_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;   /* its owner is not here */
}
