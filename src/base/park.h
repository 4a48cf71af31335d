/* SPDX-License-Identifier: MIT */
/* Waiting for other threads, and holding off cancellation.
 *
 * A thread that is cancelled amidst the library's work would end with a lock held, or with what others wait for still
 * on its stack. So it is not cancelled there: the cancellation waits for the program's next own cancellation point.
 * Whatever may come to one while it leaves anything half done holds it off: waiting, input and output, and functions of
 * the program's. */
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
