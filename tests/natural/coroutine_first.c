/* SPDX-License-Identifier: MIT */
/* The first call of each thread, and so that of the process, comes from a coroutine. Their stacks are malloc's, mapped,
 * and static. */
#include <hapax.h>

#include <pthread.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "natural.h"

enum { THREADS = 4, COROUTINES = 6, STACK_BYTES = 256 << 10, NAMES = 200 };

struct own {
    unsigned from;
    ucontext_t scheduler, contexts[COROUTINES];
};
static _Thread_local struct own own;
static unsigned rounds;
static char static_stacks[THREADS + 1][COROUTINES / 3][STACK_BYTES] __attribute__((aligned(16)));

static void run(int number)
{
    hapax_handle names[NAMES];
    char text[32];
    if (number % 3 == 2)
        CHECK(hapax_add_roots(own.contexts[number].uc_stack.ss_sp, STACK_BYTES) == 0, "no root range");
    for (unsigned round = 0; round < rounds; round++) {
        unsigned from = own.from + ((unsigned)number * rounds + round) * NAMES;
        for (unsigned i = 0; i < NAMES; i++)
            names[i] = hapax_intern(text_of(text, from + i));
        swapcontext(&own.contexts[number], &own.scheduler);
        for (unsigned i = 0; i < NAMES; i++)
            CHECK(hapax_intern(text_of(text, from + i)) == names[i], "the name of %u is another one", from + i);
    }
}

static void *new_stack(unsigned thread, int number)
{
    if (number % 3 == 0)
        return malloc(STACK_BYTES);
    if (number % 3 == 1)
        return static_stacks[thread][number / 3];
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED, "no memory");
    return stack;
}

static void make_coroutine(unsigned thread, int number)
{
    ucontext_t *context = &own.contexts[number];
    getcontext(context);
    context->uc_stack.ss_sp = new_stack(thread, number);
    context->uc_stack.ss_size = STACK_BYTES;
    context->uc_link = &own.scheduler;
    makecontext(context, (void (*)(void))run, 1, number);
}

static void *begin(void *data)
{
    unsigned thread = (unsigned)(size_t)data;
    own.from = thread * 10000000;
    for (int i = 0; i < COROUTINES; i++)
        make_coroutine(thread, i);
    for (unsigned round = 0; round <= rounds; round++) {
        for (int i = 0; i < COROUTINES; i++)
            swapcontext(&own.scheduler, &own.contexts[i]);
        hapax_collect();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    rounds = VALUES(argc, argv) / ((THREADS + 1) * COROUTINES * NAMES) + 1;
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, begin, (void *)(i + 1)) == 0, "no thread");
    begin(NULL);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
