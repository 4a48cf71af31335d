/* SPDX-License-Identifier: MIT */
/* A coroutine forks while it runs; in both processes it goes on, waits, and goes on again. */
#include <hapax.h>

#include <pthread.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "natural.h"

enum { STACK_BYTES = 256 << 10, MOST_VALUES = 2000, FORKS = 3 };
static ucontext_t scheduler, coroutine;
static unsigned count, other;

static void make_others(void)
{
    char text[32];
    for (unsigned i = 0; i < count; i++)
        hapax_intern(text_of(text, 1000000 + other++));
}

static void check(const hapax_handle *names)
{
    char text[32];
    for (unsigned i = 0; i < count; i++)
        CHECK(hapax_intern(text_of(text, i)) == names[i], "the name of %u is another one", i);
}

static void run(void)
{
    hapax_handle names[MOST_VALUES];
    char text[32];
    for (unsigned i = 0; i < count; i++)
        names[i] = hapax_intern(text_of(text, i));
    for (unsigned i = 0; i < FORKS; i++) {
        pid_t child = fork();
        hapax_collect();
        make_others();
        check(names);
        if (child == 0) {
            swapcontext(&coroutine, &scheduler);
            check(names);
            _exit(0);
        }
        int status = 1;
        waitpid(child, &status, 0);
        CHECK(status == 0, "the child ended with status %x", (unsigned)status);
    }
    swapcontext(&coroutine, &scheduler);
    check(names);
}

static void *work(void *unused)
{
    void *stack = malloc(STACK_BYTES);
    getcontext(&coroutine);
    coroutine.uc_stack.ss_sp = stack;
    coroutine.uc_stack.ss_size = STACK_BYTES;
    coroutine.uc_link = &scheduler;
    makecontext(&coroutine, run, 0);
    swapcontext(&scheduler, &coroutine);
    for (unsigned i = 0; i < 2; i++) {
        hapax_collect();
        make_others();
    }
    swapcontext(&scheduler, &coroutine);
    free(stack);
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    count = VALUES(argc, argv) / 10 < MOST_VALUES ? VALUES(argc, argv) / 10 : MOST_VALUES;
    work(NULL);
    pthread_create(&thread, NULL, work, NULL);
    pthread_join(thread, NULL);
    return 0;
}
