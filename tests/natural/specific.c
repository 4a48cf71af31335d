/* SPDX-License-Identifier: MIT */
/* Each thread has an array of names in its specific data, under one of many keys. */
#include <hapax.h>

#include <pthread.h>

#include "natural.h"

enum { THREADS = 4, KEYS = 60 };
static pthread_key_t keys[KEYS];
static pthread_barrier_t all_made;
static unsigned values;

/* Three names a key, and the rest in an array under the last. */
static void *work(void *data)
{
    unsigned from = (unsigned)(size_t)data * values, rest = values - (KEYS - 1);
    char text[32];
    for (unsigned i = 0; i < KEYS - 1; i++)
        pthread_setspecific(keys[i], hapax_intern(text_of(text, from + i)));
    hapax_handle *names = malloc(rest * sizeof *names);
    pthread_setspecific(keys[KEYS - 1], names);
    for (unsigned i = 0; i < rest; i++)
        names[i] = hapax_intern(text_of(text, from + KEYS - 1 + i));
    pthread_barrier_wait(&all_made);
    for (unsigned i = 0; i < values; i++) {
        hapax_handle name = i < KEYS - 1 ? pthread_getspecific(keys[i])
                                         : ((hapax_handle *)pthread_getspecific(keys[KEYS - 1]))[i - (KEYS - 1)];
        CHECK(hapax_intern(text_of(text, from + i)) == name, "the name of %u is another one", from + i);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    values = VALUES(argc, argv) / (THREADS + 1);
    for (unsigned i = 0; i < KEYS; i++)
        pthread_key_create(&keys[i], NULL);
    pthread_barrier_init(&all_made, NULL, THREADS + 1);
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    work((void *)(size_t)THREADS);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
