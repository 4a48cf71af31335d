/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "collector/epoch.h"

struct epoch epoch;

/* The number of threads that look, counted in several places so that two threads rarely write to the same cache
 * line. */
enum { PLACES_LOG = 4, PLACES = 1 << PLACES_LOG };
static struct {
    _Alignas(CACHE_LINE) atomic_uint looking;
} places[PLACES];

/* The address of a thread-local variable differs from thread to thread. */
static atomic_uint *own_place(void)
{
    static _Thread_local char mine __attribute__((tls_model("initial-exec")));
    uint64_t spread = (uint64_t)(uintptr_t)&mine / CACHE_LINE * UINT64_C(0x9e3779b97f4a7c15);
    return &places[spread >> (64 - PLACES_LOG)].looking;
}

/* Whether a collection is deciding. The caller is counted: while it is, a collection that is deciding cannot finish. */
static bool is_in_doubt(void)
{
    /* In this order: a collection can only begin between the two loads if the last one has decided. */
    uint64_t decided = load_seq_cst(&epoch.decided);    /* pairs with the loads in epoch_end */
    return load_relaxed(&epoch.begun) != decided;
}

enum epoch_answer epoch_look(atomic_word *place, uintptr_t word, const void *subject,
                             bool (*lives)(const void *subject))
{
    enum epoch_answer answer = EPOCH_AGAIN;
    atomic_uint *looking = own_place();
    add_seq_cst(looking, 1u);   /* in the order of all threads, before the load in is_in_doubt */
    if (is_in_doubt() && load_acquire(place) == word) {
        answer = lives(subject) ? EPOCH_LIVES : EPOCH_WAIT;
        fence_acquire();        /* pairs with epoch_before_mark */
        if (load_acquire(place) != word)
            answer = EPOCH_AGAIN;
    }
    sub_release(looking, 1u);   /* release: the collection sweeps after these reads */
    return answer;
}

void epoch_begin(void)
{
    /* Relaxed: the world is stopped, and every thread that goes on sees it. */
    store_relaxed(&epoch.begun, load_relaxed(&epoch.begun) + 1);
}

void epoch_end(void)
{
    store_seq_cst(&epoch.decided, load_relaxed(&epoch.begun));
    for (unsigned i = 0, turns = 0; i < PLACES; turns = 0, i++)
        while (load_seq_cst(&places[i].looking) != 0)
            sync_wait_step(&turns);
}

void epoch_fork_child(void)
{
    for (unsigned i = 0; i < PLACES; i++)
        store_relaxed(&places[i].looking, 0u);
}
