/* SPDX-License-Identifier: MIT */
/* The nodes of a trie, which stand below lines that overflow: where their memory comes from.
 *
 * They lie in collected memory that is not searched, in chunks that double, and are used again as long as the trie
 * lives: a search that is still in a node that was taken out goes on through free nodes, or those of other lines, and
 * then finds that its stripe has changed. */
#ifndef HAPAX_TRIE_NODES_H
#define HAPAX_TRIE_NODES_H

#include "trie/words.h"

/* Both in scanned memory. */
struct node_chunk {
    struct node_chunk *next;
    struct trie_node *nodes;
    uint64_t count;
};

struct trie_nodes {
    struct node_chunk *chunks;
    struct trie_node *fresh;        /* of the newest chunk: never used. NULL: none, not what lies behind it */
    uint64_t fresh_left;
    struct trie_node *free;         /* used before, linked through the last words of their first lines */
    uint64_t used, made;
};

/* An empty node, or NULL: trie_add_nodes is wanted. */
struct trie_node *trie_take_node(struct trie *trie);
/* The node has no entries, and is no longer linked. */
void trie_give_node(struct trie *trie, struct trie_node *node);

/* Makes further nodes. Allocates: the caller owns nothing. False with ENOMEM. */
bool trie_add_nodes(struct trie *trie);
/* How many are in use. */
uint64_t trie_nodes_used(struct trie *trie);

void trie_fork_own_nodes(void);
void trie_fork_leave_nodes(void);

#endif
