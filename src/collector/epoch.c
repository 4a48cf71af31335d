/* SPDX-License-Identifier: MIT */
#include "config.h"

#include "collector/epoch.h"

struct epoch epoch;

/* How many look, counted in several places so that they rarely write to the same cache line. */
enum { PLACES_LOG = 4, PLACES = 1 << PLACES_LOG };
static struct {
    _Alignas(CACHE_LINE) atomic_uint looking;
} places[PLACES];

/* Threads have their thread-local variables far from each other. */
static atomic_uint *own_place(void)
{
    static _Thread_local char mine __attribute__((tls_model("initial-exec")));
    uint64_t spread = (uint64_t)(uintptr_t)&mine / CACHE_LINE * UINT64_C(0x9e3779b97f4a7c15);
    return &places[spread >> (64 - PLACES_LOG)].looking;
}

/* The caller is counted among those who look: until it no longer is, a collection that has not decided does not go on. */
static bool is_in_doubt(void)
{
    /* In this order: a collection that begins in between could do so only once the last one had decided. */
    uint64_t decided = load_seq_cst(&epoch.decided);    /* pairs with the loads of epoch_end */
    return load_relaxed(&epoch.begun) != decided;
}

enum epoch_answer epoch_look(atomic_word *place, uintptr_t word, const void *subject, bool (*lives)(const void *subject))
{
    enum epoch_answer answer = EPOCH_AGAIN;
    atomic_uint *looking = own_place();
    add_seq_cst(looking, 1u);   /* before what is_in_doubt loads, for everybody */
    if (is_in_doubt() && load_acquire(place) == word) {
        answer = lives(subject) ? EPOCH_LIVES : EPOCH_WAIT;
        fence_acquire();        /* pairs with epoch_before_mark */
        if (load_acquire(place) != word)
            answer = EPOCH_AGAIN;
    }
    sub_release(looking, 1u);   /* release: the collection sweeps after what was read here */
    return answer;
}

void epoch_begin(void)
{
    /* The world is stopped: whoever was stopped sees it. */
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
