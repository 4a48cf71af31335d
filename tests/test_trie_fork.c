/* SPDX-License-Identifier: MIT */
/* A fork beside threads that change tries: none is changing one. */
#include "config.h"

#include "trie_suite.h"

#include "trie/lines.h"
#include "trie/nodes.h"

#include <pthread.h>
#include <sched.h>

TestSuite(trie_fork, .init = begin_trie);

/* What a thread of the program does amid a fork. */
static atomic_bool begins, ends;

static void *insert_amid(void *unused)
{
    (void)unused;
    static struct bare_object object;
    store_release(&begins, true);
    (void)put(&object, 1, spread(1));
    store_release(&ends, true);
    return NULL;
}

static void *count_nodes_amid(void *unused)
{
    (void)unused;
    store_release(&begins, true);
    (void)trie_nodes_used(&trie);
    store_release(&ends, true);
    return NULL;
}

/* Otherwise the child would have what a thread had begun, and not the thread. */
static void waits_for_the_fork(void *(*function)(void *))
{
    enum { TURNS = 1000 };
    pthread_t thread;
    store_relaxed(&begins, false);
    store_relaxed(&ends, false);
    trie_fork_prepare();
    cr_assert_eq(pthread_create(&thread, NULL, function, NULL), 0);
    while (!load_acquire(&begins))
        sched_yield();
    for (unsigned i = 0; i < TURNS; i++) {
        sched_yield();
        cr_assert_not(load_acquire(&ends));
    }
    trie_fork_done();
    pthread_join(thread, NULL);
    cr_assert(load_acquire(&ends));
}

Test(trie_fork, nobody_changes_a_trie_amid_a_fork)
{
    waits_for_the_fork(insert_amid);
}

Test(trie_fork, nobody_takes_nodes_amid_a_fork)
{
    (void)put_many(1000, 0);
    cr_assert(trie_add_nodes(&trie));
    waits_for_the_fork(count_nodes_amid);
}

Test(trie_fork, a_fork_owns_all_stripes)
{
    trie_fork_prepare();
    for (unsigned i = 0; i < STRIPES; i++)
        cr_assert_eq(load_relaxed(&trie_stripes[i].version) & 1, 1);
    trie_fork_done();
    for (unsigned i = 0; i < STRIPES; i++)
        cr_assert_eq(load_relaxed(&trie_stripes[i].version) & 1, 0);
}
