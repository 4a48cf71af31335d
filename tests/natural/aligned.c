/* SPDX-License-Identifier: MIT */
/* Arrays with an alignment of their own, which realloc makes larger and smaller. */
#include <hapax.h>

#include "natural.h"

enum { ALIGNMENT = 64, LARGE = 400000, MUCH = 16 << 20, FEW = 1000, FEW_BYTES = 256 << 10 };

static void look(const hapax_handle *names, unsigned count)
{
    char text[32];
    for (unsigned i = 0; i < count; i++)
        CHECK(hapax_intern(text_of(text, i)) == names[i], "the name of %u is another one", i);
}

static void *allocate(size_t alignment, size_t size)
{
    void *all = NULL;
    CHECK(posix_memalign(&all, alignment, size) == 0, "no memory");
    return all;
}

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    char text[32];

    size_t room = LARGE / sizeof(hapax_handle);
    hapax_handle *growing = allocate(ALIGNMENT, room * sizeof *growing);
    hapax_handle *shrunk = allocate(FEW_BYTES, MUCH);
    for (unsigned i = 0; i < FEW; i++)
        shrunk[i] = hapax_intern(text_of(text, i));
    shrunk = realloc(shrunk, FEW_BYTES);
    /* Many values are far behind where the array ended at first. */
    growing = realloc(growing, 20 * room * sizeof *growing);
    CHECK(growing != NULL && shrunk != NULL, "no memory");
    for (unsigned i = 0; i < values; i++)
        growing[19 * room - i] = hapax_intern(text_of(text, FEW + i));
    look(shrunk, FEW);
    for (unsigned i = 0; i < values; i++)
        CHECK(hapax_intern(text_of(text, FEW + i)) == growing[19 * room - i], "the name of %u is another one", FEW + i);
    look(shrunk, FEW);
    free(growing);
    free(shrunk);
    return 0;
}
