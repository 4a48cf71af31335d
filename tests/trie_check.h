/* SPDX-License-Identifier: MIT */
/* Walks a trie and checks that it has the shape that src/trie/trie.h describes. For moments in which nobody changes the
 * trie and no collection runs, or one that the caller drives. */
#ifndef TESTS_TRIE_CHECK_H
#define TESTS_TRIE_CHECK_H

#include "weak/registry.h"
#include "trie/trie.h"

struct trie_walk {
    uint64_t entries, tentative;
    uint64_t lines, nodes;          /* of the root, and below it */
    uint64_t longest;               /* lines of the longest way down */
    uint64_t alone;                 /* trie_check_registry: objects of the registry that are not in the trie */
};

/* NULL where all is well, or what is wrong:
 *   the first mask reaches lines that are there
 *   every stripe is at the root's level, or done with it; lines that it has not split others into are empty, and so are
 *   those that have moved out
 *   every entry stands where its hash leads, with its hash's tag, and no object stands twice
 *   links stand in last words only, lead to nodes of this trie, and no node is linked twice
 *   every node is in use or free; free ones are empty, and the number in use is right */
const char *trie_check(struct trie *trie, struct trie_walk *walk);

/* The same, and that every entry's object stands once in the registry. */
const char *trie_check_registry(struct trie *trie, struct registry *registry, struct trie_walk *walk);

#endif
