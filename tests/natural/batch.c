/* SPDX-License-Identifier: MIT */
/* The results of hapax_make_handles in an array of malloc's. */
#include <hapax.h>

#include "natural.h"

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    char (*texts)[32] = malloc(values * sizeof *texts);
    hapax_span *spans = malloc(values * sizeof *spans);
    hapax_handle *names = malloc(values * sizeof *names);
    for (unsigned i = 0; i < values; i++)
        spans[i] = (hapax_span){text_of(texts[i], i), strlen(texts[i])};
    CHECK(hapax_make_handles(hapax_strings(), spans, values, names) == values, "not all were made");
    for (unsigned i = 0; i < values; i++)
        CHECK(hapax_intern(texts[i]) == names[i], "the name of %u is another one", i);
    return 0;
}
