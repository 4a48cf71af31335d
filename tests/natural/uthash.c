/* SPDX-License-Identifier: MIT */
/* needs: uthash.h */
/* uthash, keyed by the handle. */
#include <hapax.h>
#include <uthash.h>

#include "natural.h"

struct entry {
    hapax_handle key;
    unsigned count;
    UT_hash_handle hh;
};

int main(int argc, char **argv)
{
    unsigned values = VALUES(argc, argv);
    struct entry *entries = NULL, *entry;
    char text[32];
    for (unsigned i = 0; i < 2 * values; i++) {
        hapax_handle key = hapax_intern(text_of(text, i % values));
        HASH_FIND_PTR(entries, &key, entry);
        if (entry == NULL) {
            entry = calloc(1, sizeof *entry);
            entry->key = key;
            HASH_ADD_PTR(entries, key, entry);
        }
        entry->count++;
    }
    CHECK(HASH_COUNT(entries) == values, "%u entries for %u values", HASH_COUNT(entries), values);
    return 0;
}
