/* SPDX-License-Identifier: MIT */
/* Thread-local variables of the main thread and of others. */
#include <hapax.h>

#include <pthread.h>

#include "natural.h"

enum { THREADS = 3, FEW = 1000 };
static __thread hapax_handle few[FEW];
static __thread hapax_handle *many;
static unsigned values;

static void *work(void *data)
{
    unsigned from = (unsigned)(size_t)data * values;
    char text[32];
    many = malloc(values * sizeof *many);
    for (unsigned i = 0; i < values; i++)
        *(i < FEW ? &few[i] : &many[i]) = hapax_intern(text_of(text, from + i));
    for (unsigned i = 0; i < values; i++)
        CHECK(hapax_intern(text_of(text, from + i)) == (i < FEW ? few[i] : many[i]), "the name of %u is another one",
              from + i);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    values = VALUES(argc, argv) / (THREADS + 1);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(i + 1));
    work(NULL);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
