/* SPDX-License-Identifier: MIT */
/* The memory of a trie's root.
 *
 * A small root is collected memory that is not searched. When it has to double, its lines move into a root of twice the
 * size. Readers that are still in the old root keep it alive. A large root is in a region of the system's memory: one
 * part is in use, and the rest is reserved in proportion to it, so that the root can double in place some times before
 * its lines have to move. If the system has no region, a large root is collected memory too. The regions of a trie stay
 * mapped as long as it lives, because a thread may still read in them, but they give their memory back. */
#ifndef HAPAX_TRIE_ROOT_H
#define HAPAX_TRIE_ROOT_H

#include "trie/words.h"

/* Behind its lines, in the last page of its own memory: the lines begin where huge pages do, and none is touched by
 * what lies in front of them. */
struct trie_region {
    struct trie_line *lines;        /* where its memory begins */
    struct trie_region *older;      /* of the same trie */
    size_t size;                    /* bytes, all included */
    uint64_t room;                  /* lines */
};

/* An empty root; NULL with ENOMEM. Allocates. Where it is a region, answers that as well, else NULL. */
struct trie_line *trie_root_new(uint64_t lines, struct trie_region **region);
/* Makes the lines of a root below `lines` usable, empty where they never were; false: it has no room for so many. */
bool trie_root_widen(const struct trie *trie, struct trie_line *root, uint64_t lines);
/* Gives memory back whose lines are empty; they stay readable. `root` is the newest, and nobody writes there. */
void trie_root_give_back(const struct trie *trie, struct trie_line *root, uint64_t from, uint64_t lines);
/* The same for a root whose lines have all moved out, and nobody will ever write to. */
void trie_root_retire(const struct trie *trie, struct trie_line *root);

/* What is outside of a trie that nobody looks into any more. Beside a collection. */
void trie_free_outside(struct trie_outside *outside);

/* Empty lines in collected memory that is not searched; NULL with ENOMEM. */
struct trie_line *trie_alloc_lines(uint64_t lines);

#endif
