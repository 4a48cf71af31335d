/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "runtime/background.h"

#include "base/park.h"
#include "collector/collector.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>

/* What a new thread is told. */
struct beginning {
    void *(*function)(void *);
    void *argument;
    sigset_t creators_signals;  /* those that its creator blocks */
};

static _Thread_local sigset_t creators_signals;
static _Thread_local bool is_background, is_orphan;

static void *begin(void *data)
{
    struct beginning beginning = *(struct beginning *)data;
    free(data);
    creators_signals = beginning.creators_signals;
    is_background = true;
    (void)cancellation_off();
    return beginning.function(beginning.argument);
}

int background_start(void *(*function)(void *), void *argument)
{
    struct beginning *beginning = malloc(sizeof *beginning);
    if (beginning == NULL)
        return ENOMEM;
    beginning->function = function;
    beginning->argument = argument;
    /* What the processor raises goes to the thread that did it, and kills where it is blocked. */
    static const int raised[] = {SIGFPE, SIGILL, SIGTRAP, SIGSYS};
    sigset_t blocked;
    sigfillset(&blocked);
    collector_let_through(&blocked);
    for (size_t i = 0; i < sizeof raised / sizeof *raised; i++)
        sigdelset(&blocked, raised[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &beginning->creators_signals);
    sigset_t before = beginning->creators_signals;
    pthread_t thread;
    int saved = errno;
    int error = pthread_create(&thread, NULL, begin, beginning);
    errno = saved;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        pthread_detach(thread);
    else
        free(beginning);
    return error;
}

void background_fork_child(void)
{
    if (!is_background)
        return;
    is_orphan = true;
    sigset_t blocked = creators_signals;
    collector_let_through(&blocked);
    pthread_sigmask(SIG_SETMASK, &blocked, NULL);
}

bool background_is_orphan(void)
{
    return is_orphan;
}
