/* SPDX-License-Identifier: MIT */
/* Coroutines of makecontext, on stacks of malloc's: each makes names, waits, and looks at them again. */
#include <hapax.h>

#include <ucontext.h>

#include "natural.h"

enum { COROUTINES = 20, STACK_BYTES = 256 << 10, NAMES = 500 };

static ucontext_t scheduler, contexts[COROUTINES];
static unsigned rounds;

static void run(int number)
{
    hapax_handle names[NAMES];
    char text[32];
    for (unsigned round = 0; round < rounds; round++) {
        unsigned from = ((unsigned)number * rounds + round) * NAMES;
        for (unsigned i = 0; i < NAMES; i++)
            names[i] = hapax_intern(text_of(text, from + i));
        swapcontext(&contexts[number], &scheduler);
        for (unsigned i = 0; i < NAMES; i++)
            CHECK(hapax_intern(text_of(text, from + i)) == names[i], "the name of %u is another one", from + i);
    }
}

int main(int argc, char **argv)
{
    hapax_handle names[NAMES];
    char text[32];
    rounds = VALUES(argc, argv) / (COROUTINES * NAMES);
    for (unsigned i = 0; i < NAMES; i++)
        names[i] = hapax_intern(text_of(text, 1000000000 + i));
    for (int i = 0; i < COROUTINES; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = malloc(STACK_BYTES);
        contexts[i].uc_stack.ss_size = STACK_BYTES;
        contexts[i].uc_link = &scheduler;
        makecontext(&contexts[i], (void (*)(void))run, 1, i);
    }
    for (unsigned round = 0; round <= rounds; round++) {
        for (int i = 0; i < COROUTINES; i++)
            swapcontext(&scheduler, &contexts[i]);
        hapax_collect();
    }
    for (unsigned i = 0; i < NAMES; i++)
        CHECK(hapax_intern(text_of(text, 1000000000 + i)) == names[i], "main's name %u is another one", i);
    return 0;
}
