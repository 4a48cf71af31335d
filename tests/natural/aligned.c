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

/* Most of the values are far behind where the array ended at first. */
static void grow(unsigned values)
{
    size_t room = LARGE / sizeof(hapax_handle), first = 5 * room;
    hapax_handle *names = allocate(ALIGNMENT, room * sizeof *names);
    names = realloc(names, (first + values) * sizeof *names);
    CHECK(names != NULL, "no memory");
    char text[32];
    for (unsigned i = 0; i < values; i++)
        names[first + i] = hapax_intern(text_of(text, i));
    look(names + first, values);
    free(names);
}

/* Others may take what realloc gives back; nobody does where the collector has its memory already. */
static void shrink(unsigned values)
{
    char text[32];
    for (unsigned i = 0; i < values; i++)
        hapax_intern(text_of(text, FEW + i));
    hapax_handle *names = allocate(ALIGNMENT, MUCH);
    names = realloc(names, FEW_BYTES);
    CHECK(names != NULL, "no memory");
    for (unsigned i = 0; i < FEW; i++)
        names[i] = hapax_intern(text_of(text, i));
    for (unsigned i = 0; i < values; i++)
        hapax_intern(text_of(text, FEW + i));
    look(names, FEW);
    free(names);
}

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    grow(values);
    shrink(values);
    return 0;
}
