/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/cleanup.h>

#include "cleanup/executor.h"

#include "base/clock.h"
#include "base/park.h"
#include "base/probes.h"
#include "base/refuse.h"
#include "cleanup/argument.h"
#include "runtime/background.h"
#include "runtime/thread.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <time.h>
#include <unistd.h>

static struct executor_chore chore;

/* Pushed by collections, one at a time; taken whole. */
static struct task *_Atomic incoming;
static atomic_count last_sequence;

/* One for each call of run_next that runs a task; on its stack. */
struct runner {
    struct runner *next;
    struct task *task;
    atomic_bool has_run;    /* the program's function has returned */
    uint64_t sequence;
    pthread_t thread;
};

/* For how long a fork waits for tasks to end. Most take microseconds. */
enum { FORK_PATIENCE_MS = 100 };

/* Protects what follows. Held for some tens of instructions; never while anything runs or is allocated. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;          /* a task has ended, or was stopped, or a thread has retired, or asks to, or
                                         * another number of them is wanted */
static struct task *first, **last = &first;
static struct runner *runners;
static unsigned threads, threads_wanted = 1;
static unsigned threads_asking;         /* of threads: those whose tasks wait for others to retire */
static unsigned forking;                /* threads that wait, before a fork, for tasks to end */

static sem_t wake;                      /* posted by collections: sem_post takes no lock */
static atomic_uint threads_to_wake;     /* = threads, for the collection */
static atomic_bool settled_threads;     /* threads == threads_wanted, or more cannot be had */
static _Thread_local bool is_executor;
static _Thread_local unsigned depth;    /* tasks that this thread runs, one inside the other */

static void new_condition(void)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

int executor_start_up(struct executor_chore wanted_chore)
{
    static bool done;
    if (done)
        return 0;
    if (sem_init(&wake, 0, 0) != 0)
        return -1;
    new_condition();
    chore = wanted_chore;
    done = true;
    return 0;
}

/* ---- The queue ---- */

void executor_push(struct task *task)
{
    task->sequence = add_relaxed(&last_sequence, 1u) + 1;
    task->queued_ns = monotonic_ns();
    task->next = load_relaxed(&incoming);
    while (!cas_release(&incoming, &task->next, task)) /* release: a thread that takes it finds it filled in */
        ;
}

void executor_wake(void)
{
    if (load_relaxed(&incoming) == NULL && !(chore.wanted != NULL && chore.wanted()))
        return;
    for (unsigned i = load_relaxed(&threads_to_wake); i > 0; i--)
        sem_post(&wake);
}

/* Brings what collections have pushed to the end of the queue, oldest first. The lock is held. */
static void take_incoming(void)
{
    struct task *task = exchange_acquire(&incoming, NULL); /* acquire: pairs with executor_push */
    struct task *in_order = NULL;
    while (task != NULL) {
        struct task *older = task->next;
        task->next = in_order;
        in_order = task;
        task = older;
    }
    *last = in_order;
    while (*last != NULL)
        last = &(*last)->next;
}

/* The oldest task, which stays where it is. Those that were stopped are dropped. The lock is held. */
static struct task *oldest(void)
{
    take_incoming();
    while (first != NULL && first->kind->is_stopped(first)) {
        struct task *stopped = first;
        first = stopped->next;
        if (first == NULL)
            last = &first;
        (void)stopped->kind->end(stopped);  /* who stopped it has dropped the argument */
    }
    return first;
}

/* NULL: none up to this number is left. */
static struct task *take_oldest(uint64_t last_wanted)
{
    for (;;) {
        struct task *task = oldest();
        if (task == NULL || task->sequence > last_wanted)
            return NULL;
        first = task->next;
        if (first == NULL)
            last = &first;
        if (task->kind->begin(task))
            return task;
        (void)task->kind->end(task);    /* stopped in between */
    }
}

/* Runs the oldest task, if its number is not above this one. False if there is none. */
static bool run_next(uint64_t last_wanted)
{
    struct runner self;
    pthread_mutex_lock(&lock);
    /* A fork waits for threads that run a task, so those go on. */
    while (forking > 0 && depth == 0)
        park(&changed, &lock);
    struct task *task = take_oldest(last_wanted);
    if (task != NULL) {
        self = (struct runner){.next = runners, .task = task, .sequence = task->sequence, .thread = pthread_self()};
        runners = &self;
    }
    pthread_mutex_unlock(&lock);
    if (task == NULL)
        return false;

    int cancellation = cancellation_off();
    depth++;
    probe_cleanup(monotonic_ns() - task->queued_ns);
    task->kind->run(task);
    depth--;
    /* Release: a fork beside this finds in the child what the function has done. */
    store_release(&self.has_run, true);
    cancellation_restore(cancellation);

    /* The record is let go and forgotten at once: a fork beside this finds both or neither. */
    pthread_mutex_lock(&lock);
    struct runner **at = &runners;
    while (*at != &self)
        at = &(*at)->next;
    *at = self.next;
    void *argument = task->kind->end(task);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    argument_drop(argument);
    return true;
}

void executor_notice_stopped(void)
{
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

uint64_t executor_oldest_ns(void)
{
    pthread_mutex_lock(&lock);
    struct task *task = oldest();
    uint64_t queued = task != NULL ? task->queued_ns : 0;
    pthread_mutex_unlock(&lock);
    return queued != 0 ? monotonic_ns() - queued : 0;
}

size_t hapax_run_cleanups(void)
{
    if (thread_enter() == NULL)
        return 0;
    int before = errno;
    size_t ran = 0;
    /* What is queued meanwhile may be queued by what runs, without an end. Relaxed: what has happened before this call
     * is counted, and taking a task from the queue acquires it. */
    uint64_t last_wanted = load_relaxed(&last_sequence);
    while (run_next(last_wanted)) {
        ran++;
        pthread_testcancel();   /* a cleanup may have held off what would end this thread */
    }
    errno = before;
    return ran;
}

/* Whether a task up to this number waits or runs, other than in the calling thread. The lock is held. */
static bool is_unfinished(uint64_t sequence)
{
    struct task *task = oldest();
    if (task != NULL && task->sequence <= sequence)
        return true;
    for (struct runner *runner = runners; runner != NULL; runner = runner->next)
        if (runner->sequence <= sequence && !pthread_equal(runner->thread, pthread_self()))
            return true;
    return false;
}

static struct timespec in_milliseconds(unsigned milliseconds)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    return until;
}

bool hapax_wait_cleanups(unsigned milliseconds)
{
    if (thread_enter() == NULL)
        return false;
    struct timespec until = in_milliseconds(milliseconds);
    uint64_t sequence = load_acquire(&last_sequence);
    pthread_mutex_lock(&lock);
    bool unfinished, in_time = true;
    while ((unfinished = is_unfinished(sequence)) && in_time)
        in_time = park_until(&changed, &lock, &until) != ETIMEDOUT;
    pthread_mutex_unlock(&lock);
    return !unfinished;
}

/* ---- The threads ---- */

/* One thread less. The lock is held. */
static void discount(void)
{
    threads--;
    store_relaxed(&threads_to_wake, threads);
    pthread_cond_broadcast(&changed);
}

/* A thread was counted, and could not begin: a thread that adds the next cleanup tries anew. */
static void miss_thread(void)
{
    pthread_mutex_lock(&lock);
    discount();
    store_relaxed(&settled_threads, false);
    pthread_mutex_unlock(&lock);
}

/* Whether the calling executor thread is one too many; it is no longer counted then. */
static bool retire(void)
{
    pthread_mutex_lock(&lock);
    bool too_many = threads > threads_wanted;
    if (too_many)
        discount();
    pthread_mutex_unlock(&lock);
    return too_many;
}

/* A function of the program's has forked here and returned: this is the child, which has no thread of the program's.
 * When all has been run, nothing can come any more. */
static _Noreturn void end_orphan(void)
{
    pthread_mutex_lock(&lock);
    while (runners != NULL)
        park(&changed, &lock);
    _exit(0);
}

static void *execute(void *unused)
{
    (void)unused;
    is_executor = true;
    pthread_setname_np(pthread_self(), "hapax-cleanup");
    if (thread_enter() == NULL) {
        miss_thread();
        return NULL;
    }
    while (!retire()) {
        if (chore.run != NULL)
            chore.run();
        if (run_next(UINT64_MAX))
            continue;
        if (background_is_orphan())
            break;
        /* While it waits, what its last calls have held is kept alive by nothing here. */
        thread_clear_dead_frames();
        while (sem_wait(&wake) != 0 && errno == EINTR)
            ;
    }
    if (background_is_orphan())
        end_orphan();
    return NULL;
}

int executor_ensure_threads(void)
{
    if (likely(load_relaxed(&settled_threads)))
        return 0;
    for (;;) {
        pthread_mutex_lock(&lock);
        bool more = threads < threads_wanted;
        if (more)
            threads++;
        store_relaxed(&threads_to_wake, threads);
        store_relaxed(&settled_threads, !more);
        pthread_mutex_unlock(&lock);
        if (!more)
            return 0;
        int error = background_start(execute, NULL);
        if (error != 0) {
            miss_thread();
            errno = error;
            return -1;
        }
    }
}

int hapax_set_cleanup_threads(unsigned n)
{
    if (thread_enter() == NULL)
        return -1;
    pthread_mutex_lock(&lock);
    threads_wanted = n;
    store_relaxed(&settled_threads, false);
    pthread_cond_broadcast(&changed);   /* who waits for fewer threads waits no longer where they are wanted again */
    unsigned surplus = threads > n ? threads - n : 0;
    pthread_mutex_unlock(&lock);
    for (unsigned i = 0; i < surplus; i++)
        sem_post(&wake);
    if (surplus > 0) {
        pthread_mutex_lock(&lock);
        /* Executors that ask this themselves retire when their tasks have ended: nobody waits for those. */
        threads_asking += is_executor;
        pthread_cond_broadcast(&changed);
        while (threads_wanted == n && threads > n + threads_asking)
            park(&changed, &lock);
        threads_asking -= is_executor;
        pthread_mutex_unlock(&lock);
        return 0;
    }
    return executor_ensure_threads();
}

/* ---- A fork ---- */

static bool others_run(void)
{
    for (struct runner *runner = runners; runner != NULL; runner = runner->next)
        if (!pthread_equal(runner->thread, pthread_self()))
            return true;
    return false;
}

void executor_fork_prepare(void)
{
    struct timespec until = in_milliseconds(FORK_PATIENCE_MS);
    pthread_mutex_lock(&lock);
    forking++;
    while (others_run() && park_until(&changed, &lock, &until) != ETIMEDOUT)
        ;
}

void executor_fork_parent(void)
{
    forking--;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Back to where its number belongs. The lock is held. */
static void queue_anew(struct task *task)
{
    take_incoming();
    struct task **at = &first;
    while (*at != NULL && (*at)->sequence < task->sequence)
        at = &(*at)->next;
    task->next = *at;
    *at = task;
    if (task->next == NULL)
        last = &task->next;
}

void executor_fork_child(void)
{
    bool had_threads = threads > 0;
    /* Only the calling thread is left: its own tasks go on, those of the others begin anew. */
    for (struct runner **at = &runners; *at != NULL;) {
        struct runner *runner = *at;
        if (pthread_equal(runner->thread, pthread_self())) {
            at = &runner->next;
            continue;
        }
        *at = runner->next;
        struct task *task = runner->task;
        if (load_acquire(&runner->has_run)) {   /* acquire: pairs with run_next */
            (void)task->kind->end(task);        /* the argument's proxy stays */
        } else {
            task->kind->begin_anew(task);
            queue_anew(task);
        }
    }
    threads = is_executor;
    threads_asking = 0;
    forking = 0;
    store_relaxed(&threads_to_wake, threads);
    store_relaxed(&settled_threads, false);
    sem_init(&wake, 0, 0);
    new_condition();
    pthread_mutex_unlock(&lock);
    /* What cannot be started now is tried again with the next cleanup that is added. */
    if (had_threads)
        (void)executor_ensure_threads();
}
