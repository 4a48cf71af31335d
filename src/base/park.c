/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "base/park.h"

void park(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    int before = cancellation_off();
    pthread_cond_wait(condition, lock);
    cancellation_restore(before);
}

int park_until(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until)
{
    int before = cancellation_off();
    int result = pthread_cond_timedwait(condition, lock, until);
    cancellation_restore(before);
    return result;
}
