/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "trie/nodes.h"

#include "collector/collector.h"
#include "trie/root.h"

#include <errno.h>

/* A trie gets as many nodes at once as it has, so that their memory is in proportion to what it holds. */
#define MOST_AT_ONCE ((uint64_t)512)

/* Protects the nodes of every trie that are not in use. Taken inside a stripe, never the other way round. */
static spin_lock nodes_lock;

/* NULL: none has been needed so far. */
static struct trie_nodes *nodes_of(struct trie *trie)
{
    return load_acquire(&trie->nodes);   /* acquire: it is filled in */
}

struct trie_node *trie_take_node(struct trie *trie)
{
    struct trie_nodes *nodes = nodes_of(trie);
    if (nodes == NULL)
        return NULL;
    spin_acquire(&nodes_lock);
    struct trie_node *node = nodes->free;
    if (node != NULL) {
        nodes->free = node_of(last_word(&node->lines[0]));
        store_relaxed(&node->lines[0].words[LINE_WORDS - 1], (uintptr_t)0);
    } else if (nodes->fresh_left > 0) {
        node = nodes->fresh;
        nodes->fresh = --nodes->fresh_left > 0 ? node + 1 : NULL;
    }
    nodes->used += node != NULL;
    spin_release(&nodes_lock);
    return node;
}

void trie_give_node(struct trie *trie, struct trie_node *node)
{
    struct trie_nodes *nodes = nodes_of(trie);
    store_relaxed(&node->lines[1].words[LINE_WORDS - 1], (uintptr_t)0);
    spin_acquire(&nodes_lock);
    store_relaxed(&node->lines[0].words[LINE_WORDS - 1], nodes->free != NULL ? link_to(nodes->free, 0) : 0);
    nodes->free = node;
    nodes->used--;
    spin_release(&nodes_lock);
    collector_wrote(nodes);
}

/* The account of a trie's nodes, made where there is none yet. */
static struct trie_nodes *begin_nodes(struct trie *trie)
{
    struct trie_nodes *nodes = nodes_of(trie);
    if (nodes != NULL)
        return nodes;
    struct trie_nodes *fresh = collector_alloc_scanned(sizeof *fresh);
    /* Release: it is filled in. */
    if (fresh == NULL || !cas_acq_rel(&trie->nodes, &nodes, fresh))
        return nodes;
    collector_wrote(trie);
    keep_reachable(fresh);
    return fresh;
}

bool trie_add_nodes(struct trie *trie)
{
    struct trie_nodes *nodes = begin_nodes(trie);
    struct node_chunk *chunk = nodes != NULL ? collector_alloc_scanned(sizeof *chunk) : NULL;
    if (chunk == NULL) {
        errno = ENOMEM;
        return false;
    }
    spin_acquire(&nodes_lock);
    uint64_t count = nodes->made == 0 ? 1 : nodes->made < MOST_AT_ONCE ? nodes->made : MOST_AT_ONCE;
    spin_release(&nodes_lock);
    chunk->nodes = (struct trie_node *)trie_alloc_lines(2 * count);
    if (chunk->nodes == NULL)
        return false;
    chunk->count = count;
    collector_wrote(chunk);
    spin_acquire(&nodes_lock);
    /* Where another thread has been faster, its nodes come first: ours are collected. */
    if (nodes->fresh_left == 0) {
        chunk->next = nodes->chunks;
        nodes->chunks = chunk;
        nodes->fresh = chunk->nodes;
        nodes->fresh_left = count;
        nodes->made += count;
    }
    spin_release(&nodes_lock);
    collector_wrote(chunk);
    collector_wrote(nodes);
    keep_reachable(chunk);  /* until the collector knows of what leads to it */
    return true;
}

uint64_t trie_nodes_used(struct trie *trie)
{
    struct trie_nodes *nodes = nodes_of(trie);
    if (nodes == NULL)
        return 0;
    spin_acquire(&nodes_lock);
    uint64_t used = nodes->used;
    spin_release(&nodes_lock);
    return used;
}

void trie_fork_own_nodes(void)
{
    spin_acquire(&nodes_lock);
}

void trie_fork_leave_nodes(void)
{
    spin_release(&nodes_lock);
}
