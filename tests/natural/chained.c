/* SPDX-License-Identifier: MIT */
/* A hash table of chains, by the address of the handle: what a parser keeps its counts in. */
#include <hapax.h>

#include "natural.h"

struct entry {
    struct entry *next;
    hapax_handle key;
    unsigned count;
};

static struct entry **buckets;
enum { BUCKETS = 1 << 15 };

static struct entry *look_up(hapax_handle key)
{
    struct entry **at = &buckets[(size_t)key / 16 % BUCKETS];
    while (*at != NULL && (*at)->key != key)
        at = &(*at)->next;
    if (*at == NULL) {
        *at = calloc(1, sizeof **at);
        (*at)->key = key;
    }
    return *at;
}

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    char text[32];
    buckets = calloc(BUCKETS, sizeof(struct entry *));
    for (unsigned i = 0; i < 2 * values; i++)
        look_up(hapax_intern(text_of(text, i % values)))->count++;
    for (unsigned i = 0; i < values; i++) {
        unsigned count = look_up(hapax_intern(text_of(text, i)))->count;
        CHECK(count == 2, "%u was counted %u times", i, count);
    }
    return 0;
}
