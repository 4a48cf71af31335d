#include "config.h"

#include "background.h"

#include "collector.h"

#include <pthread.h>
#include <signal.h>

int background_start(void *(*function)(void *), void *argument)
{
    sigset_t blocked, before;
    int signals[2];
    sigfillset(&blocked);
    collector_unblockable_signals(signals);
    sigdelset(&blocked, signals[0]);
    sigdelset(&blocked, signals[1]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_t thread;
    int error = pthread_create(&thread, NULL, function, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    return error;
}
