/* SPDX-License-Identifier: MIT */
/* An array of malloc's, beside mapped memory with guards inside it: a thread that reads one of them gets a signal. Not
 * every system has such guards; without them, it is an array. */
#include <hapax.h>

#include "natural.h"

#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { PAGES = 1000, PAGE = 4096, EVERY = 10 };

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    hapax_handle *all = malloc(values * sizeof *all);
    char text[32];
    char *mapped = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(mapped != MAP_FAILED, "no memory");
    memset(mapped, 1, PAGES * PAGE);
    for (unsigned i = 0; i < PAGES; i += EVERY)
        (void)madvise(mapped + i * PAGE, PAGE, MADV_GUARD_INSTALL);

    for (unsigned i = 0; i < values; i++) {
        text_of(text, i);
        all[i] = hapax_intern(text);
    }
    for (unsigned i = 0; i < values; i++) {
        text_of(text, i);
        CHECK(hapax_intern(text) == all[i], "the value %u is another one", i);
    }
    munmap(mapped, PAGES * PAGE);
    free(all);
    return 0;
}
