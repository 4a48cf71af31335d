/* SPDX-License-Identifier: MIT */
/* plugin: itself */
/* A library that is opened while the program runs, with static and thread-local variables of its own. */
#include <hapax.h>

#include "natural.h"

enum { FEW = 1000 };

#ifdef PLUGIN

static hapax_handle fixed[FEW];
static __thread hapax_handle local[FEW];

hapax_handle *place(unsigned number);
hapax_handle *place(unsigned number)
{
    return number % 2 == 0 ? &fixed[number / 2] : &local[number / 2];
}

#else

#include <dlfcn.h>
#include <pthread.h>

static hapax_handle *(*place)(unsigned number);
static unsigned values;

static void *work(void *unused)
{
    char text[32];
    for (unsigned i = 0; i < FEW; i++)
        *place(2 * i + 1) = hapax_intern(text_of(text, 2 * i + 1));
    /* Something else to do meanwhile. */
    for (unsigned i = 0; i < values; i++)
        hapax_intern(text_of(text, 10000000 + i));
    for (unsigned i = 0; i < FEW; i++)
        CHECK(hapax_intern(text_of(text, 2 * i + 1)) == *place(2 * i + 1), "the name of %u is another one", 2 * i + 1);
    return unused;
}

int main(int argc, char **argv)
{
    char path[4096], text[32];
    values = VALUES(argc, argv);
    /* The program uses the library of handles before it opens the other one. */
    CHECK(hapax_intern("main") == hapax_intern("main"), "main");
    snprintf(path, sizeof path, "%s.so", argv[0]);
    void *library = dlopen(path, RTLD_NOW);
    CHECK(library != NULL, "%s", dlerror());
    *(void **)&place = dlsym(library, "place");
    for (unsigned i = 0; i < FEW; i++)
        *place(2 * i) = hapax_intern(text_of(text, 2 * i));
    pthread_t thread;
    pthread_create(&thread, NULL, work, NULL);
    work(NULL);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < FEW; i++)
        CHECK(hapax_intern(text_of(text, 2 * i)) == *place(2 * i), "the name of %u is another one", 2 * i);
    return 0;
}

#endif
