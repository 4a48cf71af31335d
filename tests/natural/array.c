/* SPDX-License-Identifier: MIT */
/* An array that realloc makes larger. */
#include <hapax.h>

#include "natural.h"

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv), room = 0;
    hapax_handle *names = NULL;
    char text[32];
    for (unsigned i = 0; i < values; i++) {
        if (i == room) {
            room = room == 0 ? 16 : room * 2;
            names = realloc(names, room * sizeof *names);
        }
        names[i] = hapax_intern(text_of(text, i));
    }
    for (unsigned i = 0; i < values; i++)
        CHECK(hapax_intern(text_of(text, i)) == names[i], "the name of %u is another one", i);
    free(names);
    return 0;
}
