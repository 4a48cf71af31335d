/* SPDX-License-Identifier: MIT */
/* Waiting for other threads, and holding off cancellation.
 *
 * A thread that is cancelled inside the library would end with a lock held, or with what others wait for still on its
 * stack. So it is not cancelled there: the cancellation waits for the next cancellation point of the program's own
 * code. The library holds it off around each call that may be a cancellation point while something is half done:
 * waiting, input and output, and functions of the program. */
#ifndef HAPAX_PARK_H
#define HAPAX_PARK_H

#include <pthread.h>
#include <time.h>

/* From here on the calling thread is not cancelled. Answers what cancellation_restore wants. Nests. */
static inline int cancellation_off(void)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static inline void cancellation_restore(int before)
{
    pthread_setcancelstate(before, NULL);
}

/* As pthread_cond_wait and pthread_cond_timedwait, but a thread is not cancelled there. */
void park(pthread_cond_t *condition, pthread_mutex_t *lock);
int park_until(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until);

#endif
