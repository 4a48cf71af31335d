#include "config.h"

#include "runtime/background.h"

#include "collector/collector.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

int background_start(void *(*function)(void *), void *argument)
{
    /* What the processor raises goes to the thread that did it, and kills where it is blocked: an incremental collector
     * learns of writes in this way. */
    static const int raised[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t blocked, before;
    int signals[2];
    sigfillset(&blocked);
    collector_unblockable_signals(signals);
    sigdelset(&blocked, signals[0]);
    sigdelset(&blocked, signals[1]);
    for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
        sigdelset(&blocked, raised[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    pthread_t thread;
    int saved = errno;
    int error = pthread_create(&thread, NULL, function, argument);
    errno = saved;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    return error;
}
