/* SPDX-License-Identifier: MIT */
/* Linked with each program: a thread that collects without end. */
#include <hapax.h>

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static void *collect_forever(void *data)
{
    const char *pause = data;
    for (;;) {
        usleep((useconds_t)atoi(pause));
        hapax_collect();
    }
    return NULL;
}

__attribute__((constructor)) static void begin(void)
{
    pthread_t thread;
    char *pause = getenv("FORCED_PAUSE_US");
    if (pause != NULL && pthread_create(&thread, NULL, collect_forever, pause) == 0)
        pthread_detach(thread);
}
