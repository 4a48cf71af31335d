/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/cleanup.h>

#include "cleanup/cleanup.h"

#include "base/refuse.h"
#include "cleanup/argument.h"
#include "cleanup/executor.h"
#include "cleanup/records.h"
#include "collector/collector.h"
#include "runtime/place.h"
#include "runtime/thread.h"

#include <errno.h>

const struct argument_observer *argument_observer;

/* ---- Records ---- */

/* Where a cleanup stands; below its number in the record's state, so that one compare-and-exchange decides between a
 * collection, an executor and a thread that stops it. */
enum stage {
    FREE,
    ARMED,       /* the object lives, as far as the last collection knows */
    DOUBTED,     /* the collection that runs has not marked the object */
    QUEUED,
    STOPPED,     /* while queued: the executor frees it */
    RUNNING,
};
enum { STAGE_BITS = 3, STAGE_MASK = 7 };

struct record {
    struct record_head head;
    struct task task;
    void (*function)(void *);
    void *argument;
    void *argument_base;        /* of its object: a pointer into an object need not keep it alive everywhere */
};

static struct records records = {.size = sizeof(struct record)};

static atomic_count numbers, pending, queued, run;

static uint64_t state_of(uint64_t number, enum stage stage)
{
    return number << STAGE_BITS | stage;
}

static struct record *record_of(const struct task *task)
{
    return (struct record *)((uintptr_t)task - offsetof(struct record, task));
}

static atomic_count *state_of_task(const struct task *task)
{
    return &record_of(task)->head.state->state;
}

/* Answers the argument, which is left to drop. */
static void *give_free(struct record *record)
{
    spin_acquire(&records_lock);
    void *argument = record->argument;
    store_relaxed(&record->head.state->state, (uint64_t)FREE);
    records_give(record);
    spin_release(&records_lock);
    return argument;
}

/* ---- As tasks ---- */

static bool is_stopped(const struct task *task)
{
    return (load_relaxed(state_of_task(task)) & STAGE_MASK) == STOPPED;
}

static bool begin(struct task *task)
{
    atomic_count *state = state_of_task(task);
    uint64_t seen = load_relaxed(state);
    if ((seen & STAGE_MASK) != QUEUED || !cas_acquire(state, &seen, seen - QUEUED + RUNNING))
        return false;
    sub_relaxed(&queued, 1u);
    return true;
}

static void run_record(struct task *task)
{
    struct record *record = record_of(task);
    records_release(&records);
    record->function(argument_of(record->argument));
    add_relaxed(&run, 1u);
}

static void *end(struct task *task)
{
    return give_free(record_of(task));
}

static void begin_anew(struct task *task)
{
    atomic_count *state = state_of_task(task);
    store_relaxed(state, load_relaxed(state) - RUNNING + QUEUED);
    add_relaxed(&queued, 1u);
}

static const struct task_kind cleanup_task = {is_stopped, begin, run_record, end, begin_anew};

/* ---- A collection ---- */

static void *object_of(const struct record_state *state)
{
    return (void *)~load_relaxed(&state->hidden_object);
}

void cleanup_decide(void)
{
    FOR_EACH_STATE(at, &records)
    {
        uint64_t state = load_acquire(&at->state); /* acquire: an armed record is filled in */
        /* Fails where it was stopped meanwhile: then the object is another's, perhaps. */
        if ((state & STAGE_MASK) == ARMED && !collector_lives(object_of(at)))
            (void)cas_relaxed(&at->state, &state, state - ARMED + DOUBTED);
    }
}

void cleanup_reclaim_end(void)
{
    FOR_EACH_STATE(at, &records)
    {
        uint64_t state = load_relaxed(&at->state);
        if ((state & STAGE_MASK) != DOUBTED)
            continue;
        bool lives = collector_survived(object_of(at));
        uint64_t next = lives ? state - DOUBTED + ARMED : state - DOUBTED + QUEUED;
        /* Fails where it was stopped meanwhile. Release: an executor finds what was written here. */
        if (cas_release(&at->state, &state, next) && !lives) {
            struct record *record = record_of_state(at);
            sub_relaxed(&pending, 1u);
            add_relaxed(&queued, 1u);
            executor_push(&record->task);
        }
    }
}

void cleanup_counts(struct cleanup_counts *counts)
{
    counts->pending = load_relaxed(&pending);
    counts->queued = load_relaxed(&queued);
    counts->run = load_relaxed(&run);
}

/* ---- The public functions ---- */

static int refuse_cleanup(const char *reason)
{
    return refuse(EINVAL, "hapax_add_cleanup", reason);
}

int hapax_add_cleanup(const void *pointer, void (*function)(void *), void *argument, hapax_cleanup *out)
{
    if (out != NULL)
        *out = (hapax_cleanup){0, NULL};
    if (thread_enter() == NULL)
        return -1;
    if (pointer == NULL)
        return refuse_cleanup("the pointer is NULL");
    if (function == NULL)
        return refuse_cleanup("the function is NULL");
    if (argument == pointer)
        return refuse_cleanup("the argument is the object itself: the cleanup would never run");
    void *base;
    switch (memory_place(pointer, &base)) {
    case MEMORY_STATIC:
        return 0;
    case MEMORY_FOREIGN:
        return refuse_cleanup("the pointer points neither to collected memory nor to static data");
    default:
        break;
    }
    if (argument != NULL && collector_base(argument) == base)
        return refuse_cleanup("the argument points into the object: the cleanup would never run");
    if (executor_ensure_threads() != 0) {
        errno = ENOMEM; /* a thread is memory, too */
        return -1;
    }
    records_release(&records);
    struct record *record = records_take(&records);
    if (record == NULL)
        return -1;
    void *stored;
    if (!argument_store(&stored, ARGUMENT_OF_CLEANUP, base, argument, __builtin_return_address(0))) {
        (void)give_free(record);
        return -1;
    }
    struct record_state *state = record->head.state;
    uint64_t number = add_relaxed(&numbers, 1u) + 1;
    store_relaxed(&state->hidden_object, ~(uintptr_t)base);
    record->task.kind = &cleanup_task;
    record->function = function;
    record->argument = stored;
    record->argument_base = stored != NULL ? collector_base(stored) : NULL;
    collector_wrote(record);
    add_relaxed(&pending, 1u);
    /* Release: a collection, or a thread that stops it, finds the record filled in. */
    store_release(&state->state, state_of(number, ARMED));
    if (out != NULL)
        *out = (hapax_cleanup){number, state};
    keep_reachable(pointer);
    keep_reachable(stored);
    return 0;
}

void hapax_cleanup_stop(hapax_cleanup cleanup)
{
    struct record_state *at = cleanup.record;
    if (at == NULL || thread_enter() == NULL)
        return;
    uint64_t state = load_acquire(&at->state); /* acquire: pairs with the release in add */
    for (;;) {
        enum stage stage = (enum stage)(state & STAGE_MASK);
        if (state >> STAGE_BITS != cleanup.id || (stage != ARMED && stage != DOUBTED && stage != QUEUED))
            return;
        /* A queued record stays where it is until the executor comes to it: that frees it under the lock, so it is not
         * used again before its argument is let go here. One that nobody else can find is ours. */
        void *argument = NULL;
        spin_acquire(&records_lock);
        bool stopped = cas_acq_rel(&at->state, &state, state_of(cleanup.id, STOPPED));
        struct record *record = stopped ? record_of_state(at) : NULL;
        if (stopped && stage == QUEUED) {
            argument = record->argument;
            record->argument = record->argument_base = NULL;
        }
        spin_release(&records_lock);
        if (!stopped)
            continue;
        if (stage == QUEUED) {
            argument_drop(argument);
            sub_relaxed(&queued, 1u);
            executor_notice_stopped();
        } else {
            sub_relaxed(&pending, 1u);
            argument_drop(give_free(record));
        }
        records_release(&records);
        return;
    }
}
