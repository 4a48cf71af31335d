#include "config.h"

#include "base/park.h"

void park(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    pthread_cond_wait(condition, lock);
    pthread_setcancelstate(before, NULL);
}

int park_until(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *until)
{
    int before;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    int result = pthread_cond_timedwait(condition, lock, until);
    pthread_setcancelstate(before, NULL);
    return result;
}
