/* SPDX-License-Identifier: MIT */
/* A list in malloc's memory where brk cannot grow: somebody else has mapped what lies behind it. */
#include <hapax.h>

#include "natural.h"

#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, LEFT = 16 * PAGE };

struct name {
    struct name *next;
    hapax_handle handle;
};

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    struct name *names = NULL;
    char text[32], *end = (char *)(((uintptr_t)sbrk(0) + LEFT) & -(uintptr_t)PAGE);
    CHECK(mmap(end, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == (void *)end, "there is something already");
    for (unsigned i = 0; i < values; i++) {
        struct name *name = malloc(sizeof *name);
        *name = (struct name){names, hapax_intern(text_of(text, i))};
        names = name;
    }
    for (unsigned i = values; i-- > 0;) {
        CHECK(hapax_intern(text_of(text, i)) == names->handle, "the name of %u is another one", i);
        struct name *next = names->next;
        free(names);
        names = next;
    }
    return 0;
}
