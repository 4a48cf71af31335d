/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/worker.h>

#include <hapax/cleanup.h>
#include <hapax/memory.h>

#include "systems/worker.h"

#include "base/park.h"
#include "base/refuse.h"
#include "base/sync.h"
#include "collector/collector.h"
#include "runtime/background.h"
#include "runtime/place.h"
#include "runtime/thread.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

/* What the thread knows. Plain memory: it keeps nothing alive. The state is read only under the lock and while the
 * worker is not stopped, since so long the owner's cleanup has not run, and holds it. */
struct control {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool entered;               /* the thread has come, and failure says how far */
    int failure;
    bool stopped;
    bool ticking;
    unsigned generation;        /* of the process in which it was started */
    pthread_t thread;
    void (*tick)(void *);
    void *state;
    uint64_t interval_ns;
};

/* The argument of the owner's cleanup: scanned memory, through which the state is kept alive. */
struct hold {
    struct control *control;
    void *state;
};

/* Scanned memory. */
struct hapax_worker {
    struct control *control;
    struct hold *pinned;        /* of static data, for which no cleanup keeps it; else NULL */
    hapax_cleanup cleanup;      /* on the owner */
};

/* Counts the forks that this process descends from: a worker of an earlier generation has no thread here. */
static atomic_uint generation;

void worker_fork_child(void)
{
    add_relaxed(&generation, 1u);
}

static bool is_of_this_process(const struct control *control)
{
    return control->generation == load_relaxed(&generation);
}

/* ---- The thread ---- */

static struct timespec later(struct timespec time, uint64_t ns)
{
    ns += (uint64_t)time.tv_nsec;
    time.tv_sec += (time_t)(ns / 1000000000u);
    time.tv_nsec = (long)(ns % 1000000000u);
    return time;
}

static bool is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* An interval after the last one was due, or now where that is over. */
static struct timespec next_after(struct timespec due, uint64_t interval_ns)
{
    struct timespec now, next = later(due, interval_ns);
    clock_gettime(CLOCK_MONOTONIC, &now);
    return is_before(next, now) ? now : next;
}

/* A frame of its own, so that nothing of the tick's stays on the stack of a thread that waits. The lock is held before
 * and after. */
static __attribute__((noinline)) void tick_once(struct control *control)
{
    void *state = control->state;
    control->ticking = true;
    pthread_mutex_unlock(&control->lock);
    control->tick(state);
    keep_reachable(state);
    if (background_is_orphan())
        _exit(0);   /* the tick has forked and this is the child, whose only thread of the program's ends here */
    pthread_mutex_lock(&control->lock);
    control->ticking = false;
    pthread_cond_broadcast(&control->changed);
}

static void *work(void *data)
{
    struct control *control = data;
    pthread_setname_np(pthread_self(), "hapax-worker");
    struct timespec due;
    clock_gettime(CLOCK_MONOTONIC, &due);
    bool known = thread_enter() != NULL;
    pthread_mutex_lock(&control->lock);
    control->thread = pthread_self();
    control->failure = known ? 0 : errno;
    control->entered = true;
    pthread_cond_broadcast(&control->changed);
    for (due = later(due, control->interval_ns); known && !control->stopped;) {
        /* While it waits, neither what the last tick has held nor what its creator had in registers is kept alive
         * here. */
        thread_clear_dead_frames();
        if (park_until(&control->changed, &control->lock, &due) != ETIMEDOUT || control->stopped)
            continue;
        tick_once(control);
        due = next_after(due, control->interval_ns);
    }
    pthread_mutex_unlock(&control->lock);
    return NULL;
}

/* ---- Starting and stopping ---- */

static struct control *new_control(struct thread *self, void (*tick)(void *), void *state, unsigned interval_ms)
{
    struct control *control = thread_alloc_plain(self, sizeof *control);
    if (control == NULL)
        return NULL;
    *control = (struct control){.generation = load_relaxed(&generation),
                                .tick = tick,
                                .state = state,
                                .interval_ns = interval_ms * UINT64_C(1000000)};
    pthread_mutex_init(&control->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&control->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return control;
}

/* From now on no tick begins. */
static void say_stop(struct control *control)
{
    pthread_mutex_lock(&control->lock);
    control->stopped = true;
    pthread_cond_broadcast(&control->changed);
    pthread_mutex_unlock(&control->lock);
}

/* The owner has died. */
static void on_owner_death(void *data)
{
    struct hold *hold = data;
    if (is_of_this_process(hold->control))
        say_stop(hold->control);
}

/* Starts the thread and waits until it is known, so that it is the one to hold its control. 0 or -1 with errno. */
static int start_thread(struct control *control)
{
    int error = background_start(work, control);
    if (error == 0) {
        pthread_mutex_lock(&control->lock);
        while (!control->entered)
            park(&control->changed, &control->lock);
        error = control->failure;
        pthread_mutex_unlock(&control->lock);
    }
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

/* Nothing holds the state for the worker any more. */
static void let_go(hapax_worker *worker)
{
    hapax_cleanup_stop(worker->cleanup);
    pthread_mutex_lock(&worker->control->lock);
    struct hold *pinned = worker->pinned;
    worker->pinned = NULL;
    pthread_mutex_unlock(&worker->control->lock);
    hapax_unpin(pinned);
}

/* Has the owner's death stop the worker, and the state kept until then. */
static int tie(hapax_worker *worker, void *owner, struct hold *hold, bool is_static)
{
    if (hapax_add_cleanup(owner, on_owner_death, hold, &worker->cleanup) != 0)
        return -1;
    if (!is_static)
        return 0;
    worker->pinned = hold;
    return hapax_pin(hold);
}

static hapax_worker *start(struct thread *self, void *owner, void (*tick)(void *), void *state, unsigned interval_ms,
                           bool is_static)
{
    hapax_worker *worker = hapax_alloc(sizeof *worker);
    struct hold *hold = hapax_alloc(sizeof *hold);
    struct control *control = new_control(self, tick, state, interval_ms);
    if (worker == NULL || hold == NULL || control == NULL)
        return NULL;
    *hold = (struct hold){control, state};
    worker->control = control;
    if (tie(worker, owner, hold, is_static) != 0)
        return NULL;
    if (start_thread(control) != 0) {
        int error = errno;
        let_go(worker);
        errno = error;
        return NULL;
    }
    collector_wrote(hold);
    collector_wrote(worker);
    return worker;
}

static hapax_worker *refuse_worker(const char *reason)
{
    refuse(EINVAL, "hapax_worker_start", reason);
    return NULL;
}

hapax_worker *hapax_worker_start(void *owner, void (*tick)(void *), void *state, unsigned interval_ms)
{
    struct thread *self = thread_enter();
    if (self == NULL)
        return NULL;
    if (owner == NULL)
        return refuse_worker("the owner is NULL");
    if (tick == NULL)
        return refuse_worker("the function is NULL");
    if (interval_ms == 0)
        return refuse_worker("the interval is 0");
    void *base;
    enum memory_place place = memory_place(owner, &base);
    if (place == MEMORY_FOREIGN)
        return refuse_worker("the owner is neither collected memory nor static data");
    hapax_worker *worker = start(self, owner, tick, state, interval_ms, place == MEMORY_STATIC);
    keep_reachable(state);
    keep_reachable(owner);
    return worker;
}

void hapax_worker_stop(hapax_worker *worker)
{
    if (worker == NULL || thread_enter() == NULL)
        return;
    struct control *control = worker->control;
    int before = errno;
    if (is_of_this_process(control)) {
        say_stop(control);
        pthread_mutex_lock(&control->lock);
        while (control->ticking && !pthread_equal(control->thread, pthread_self()))
            park(&control->changed, &control->lock);
        pthread_mutex_unlock(&control->lock);
        let_go(worker);
    }
    keep_reachable(worker);
    errno = before;
}
