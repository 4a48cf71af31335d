/* Waiting for other threads without being cancelled. */
#ifndef HAPAX_PARK_H
#define HAPAX_PARK_H

#include <pthread.h>
#include <time.h>

/* As pthread_cond_wait and pthread_cond_timedwait, but a thread is not cancelled there: it would end with the lock held, and
 * with what it has told others still on its stack. The cancellation waits for the program's next own point. */
void park(pthread_cond_t *condition, pthread_mutex_t *lock);
int park_until(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until);

#endif
