/* SPDX-License-Identifier: MIT */
/* HAPAX_DEBUG=threads: which threads it names. In a process of its own each, where no other threads are. */
#include "config.h"

#include "support.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 3, COLLECTIONS = 100 };
static sem_t ready, go_on;

static void *be_there(void *known)
{
    if (known != NULL && hapax_init() != 0)
        abort();
    pthread_setname_np(pthread_self(), known != NULL ? "acquaintance" : "stranger");
    /* A thread that blocks all signals looks nearly like one that was stopped. */
    if (known == NULL) {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, NULL);
    }
    sem_post(&ready);
    while (sem_wait(&go_on) != 0)
        ;
    return NULL;
}

static int collect_beside(void *strangers)
{
    pthread_t threads[2 * THREADS];
    setenv("HAPAX_DEBUG", "threads", 1);
    sem_init(&ready, 0, 0);
    sem_init(&go_on, 0, 0);
    CHECK(hapax_set_cleanup_threads(2) == 0);
    for (unsigned i = 0; i < 2 * THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, be_there, i % 2 == 0 || strangers == NULL ? &ready : NULL) == 0);
    for (unsigned i = 0; i < 2 * THREADS; i++)
        while (sem_wait(&ready) != 0)
            ;
    for (unsigned i = 0; i < COLLECTIONS; i++) {
        hapax_collect();
        usleep(1000);
    }
    for (unsigned i = 0; i < 2 * THREADS; i++)
        sem_post(&go_on);
    for (unsigned i = 0; i < 2 * THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static unsigned count_lines(const char *text, const char *words)
{
    unsigned count = 0;
    for (; (text = strstr(text, words)) != NULL; text++)
        count++;
    return count;
}

static char heard[10000];

Test(diagnosis, names_threads_that_are_not_known)
{
    cr_assert_eq(in_child_heard(collect_beside, heard, heard, sizeof heard), 0, "%s", heard);
    cr_expect_eq(count_lines(heard, "(stranger) is not registered with the collector"), THREADS, "%s", heard);
    cr_expect_eq(count_lines(heard, "hapax: thread "), THREADS, "%s", heard);
}

Test(diagnosis, names_no_thread_that_is_known)
{
    cr_assert_eq(in_child_heard(collect_beside, NULL, heard, sizeof heard), 0, "%s", heard);
    cr_expect_str_empty(heard);
}
