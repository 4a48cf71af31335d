/* SPDX-License-Identifier: MIT */
/* liburcu's lock-free hash table, cds_lfht: readers take no lock, but nothing is
   weak: a value leaves when its owner deletes it, and its memory comes back after
   a grace period. The table gets as many buckets as it will have values, as one
   does where lookups matter. The hash is XXH3, as the limit's. */

#define XXH_INLINE_ALL
#include <xxhash.h>

#define RCU_MEMBARRIER
#include <urcu/urcu-memb.h>
#include <urcu/rculfhash.h>

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEER_NAME "liburcu"

#ifndef LIBURCU_VERSION /* pkg-config's; the headers do not say */
#define LIBURCU_VERSION "of unknown version"
#endif

struct value {
    struct cds_lfht_node node;
    struct rcu_head head;
    size_t size;
    char bytes[];
};

struct key {
    const void *data;
    size_t size;
};

static struct cds_lfht *table;
static struct value **kept;

static int matches(struct cds_lfht_node *node, const void *wanted)
{
    const struct value *value = caa_container_of(node, struct value, node);
    const struct key *key = (const struct key *)wanted;
    return value->size == key->size && memcmp(value->bytes, key->data, key->size) == 0;
}

static const char *peer_version(void)
{
    return "liburcu " LIBURCU_VERSION;
}

static size_t power_of_two_from(size_t least)
{
    size_t power = 1;
    while (power < least)
        power *= 2;
    return power;
}

static void peer_start(size_t distinct)
{
    urcu_memb_register_thread();
    kept = (struct value **)bench_alloc(distinct * sizeof *kept);
}

#define PEER_PRESIZED
static void peer_presize(size_t distinct)
{
    size_t buckets = power_of_two_from(distinct);
    table = cds_lfht_new_flavor(buckets, buckets, 0, 0, &urcu_memb_flavor, NULL);
    if (table == NULL)
        exit(2);
}

static struct value *new_value(const void *data, size_t size)
{
    struct value *value = (struct value *)malloc(sizeof *value + size + 1);
    if (value == NULL)
        exit(2);
    cds_lfht_node_init(&value->node);
    value->size = size;
    memcpy(value->bytes, data, size);
    value->bytes[size] = '\0';
    return value;
}

/* The value outlives the read lock because only peer_drop_all() deletes any. */
static inline struct value *intern(const void *data, size_t size)
{
    struct key key = {data, size};
    unsigned long hash = XXH3_64bits(data, size);
    struct cds_lfht_iter found;
    urcu_memb_read_lock();
    cds_lfht_lookup(table, hash, matches, &key, &found);
    struct cds_lfht_node *node = cds_lfht_iter_get_node(&found);
    if (node == NULL) {
        struct value *value = new_value(data, size);
        node = cds_lfht_add_unique(table, hash, matches, &key, &value->node);
        if (node != &value->node)
            free(value);
    }
    urcu_memb_read_unlock();
    return caa_container_of(node, struct value, node);
}

static inline void peer_keep(size_t slot, const void *data, size_t size)
{
    kept[slot] = intern(data, size);
}

static inline uintptr_t peer_touch(const void *data, size_t size)
{
    return (uintptr_t)intern(data, size);
}

static uintptr_t peer_identity(size_t slot)
{
    return (uintptr_t)kept[slot];
}

static const void *peer_kept(size_t slot, size_t *size)
{
    *size = kept[slot]->size;
    return kept[slot]->bytes;
}

#define PEER_COUNT
static size_t peer_count(void)
{
    long before, after;
    unsigned long count;
    urcu_memb_read_lock();
    cds_lfht_count_nodes(table, &before, &count, &after);
    urcu_memb_read_unlock();
    return count;
}

#define PEER_THREADS
static void peer_enter_thread(void)
{
    urcu_memb_register_thread();
}

static void peer_leave_thread(void)
{
    urcu_memb_unregister_thread();
}

static void free_value(struct rcu_head *head)
{
    free(caa_container_of(head, struct value, head));
}

#define PEER_RECLAIM
static unsigned peer_drop_all(size_t distinct)
{
    for (size_t i = 0; i < distinct; ++i) {
        urcu_memb_read_lock();
        cds_lfht_del(table, &kept[i]->node);
        urcu_memb_read_unlock();
        urcu_memb_call_rcu(&kept[i]->head, free_value);
    }
    urcu_memb_barrier();
    return 0;
}

static size_t peer_values_left(void)
{
    return peer_count();
}

#include "peer.h"
