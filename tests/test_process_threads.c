/* SPDX-License-Identifier: MIT */
/* Whether all threads of the process are known, from inside: src/runtime/process_threads.h. */
#include "config.h"

#include "support.h"

#include "runtime/process_threads.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

static sem_t runs, may_end;

static void *stay_unknown(void *unused)
{
    sem_post(&runs);
    sem_wait(&may_end);
    return unused;
}

static void *become_known(void *unused)
{
    return hapax_init() == 0 ? stay_unknown(unused) : &runs;
}

/* Whether all are known while a thread does this. */
static bool known_beside(void *(*work)(void *unused))
{
    pthread_t thread;
    sem_init(&runs, 0, 0);
    sem_init(&may_end, 0, 0);
    if (pthread_create(&thread, NULL, work, NULL) != 0)
        return false;
    sem_wait(&runs);
    bool known = process_threads_all_known();
    sem_post(&may_end);
    pthread_join(thread, NULL);
    /* A thread that was joined may be there for another moment. */
    while (!process_threads_all_known())
        sched_yield();
    return known;
}

/* With the collector's own, which it has when it marks. In a process of its own: that of a test has threads of
 * Criterion's. */
static int look(void *unused)
{
    (void)unused;
    CHECK(hapax_init() == 0);
    collect();
    CHECK(process_threads_all_known());
    CHECK(!known_beside(stay_unknown));
    CHECK(known_beside(become_known));
    return 0;
}

Test(process_threads, that_the_library_knows_and_those_that_it_does_not)
{
    cr_expect_eq(in_child(look, NULL), 0);
}

/* The child's one thread has another number. */
static int look_and_fork(void *unused)
{
    CHECK(look(unused) == 0);
    return in_child(look, unused);
}

Test(process_threads, in_the_child_of_a_fork)
{
    cr_expect_eq(in_child(look_and_fork, NULL), 0);
}
