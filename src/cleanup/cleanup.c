#include "config.h"

#include <hapax/cleanup.h>

#include "cleanup/cleanup.h"

#include "base/refuse.h"
#include "cleanup/argument.h"
#include "cleanup/executor.h"
#include "collector/collector.h"
#include "runtime/place.h"
#include "runtime/thread.h"

#include <errno.h>

const struct argument_observer *argument_observer;

/* ---- Records ---- */

/* Where a cleanup stands; below its number in the record's state, so that one compare-and-exchange decides between a
 * collection, an executor and whoever stops it. */
enum stage {
    FREE,
    ARMED,       /* the object lives, as far as the last collection knows */
    DOUBTED,     /* the collection that runs has not marked the object */
    QUEUED,
    STOPPED,     /* while queued: the executor frees it */
    RUNNING,
};
enum { STAGE_BITS = 3, STAGE_MASK = 7 };

/* In memory that the collector searches, so that the argument is kept alive; it never moves and is never freed, so that a
 * cleanup named long ago is still recognized as gone. */
struct record {
    struct task task;
    atomic_count state;         /* number << STAGE_BITS | stage */
    atomic_word hidden_object;  /* complement of the base: not seen by the collector. Whoever stops the cleanup clears it
                                 * beside the collection, which then fails to change the state */
    void (*function)(void *);
    void *argument;
    void *argument_base;        /* of its object: a pointer into an object need not keep it alive everywhere */
};

enum { RECORDS_PER_BLOCK = 63 };

struct block {
    struct block *_Atomic next;
    struct record records[RECORDS_PER_BLOCK];
};

static struct block *_Atomic blocks;

/* Protects the free records, linked through their tasks. */
static spin_lock free_lock;
static struct record *free_records;

static atomic_count numbers, pending, queued, run;

static uint64_t state_of(uint64_t number, enum stage stage)
{
    return number << STAGE_BITS | stage;
}

static struct record *record_of(const struct task *task)
{
    return (struct record *)(uintptr_t)task;   /* its first member */
}

static struct record *take_free(void)
{
    spin_acquire(&free_lock);
    struct record *record = free_records;
    if (record != NULL)
        free_records = record_of(record->task.next);
    spin_release(&free_lock);
    return record;
}

/* Answers the argument, which is left to drop. */
static void *give_free(struct record *record)
{
    record->function = NULL;
    store_relaxed(&record->hidden_object, (uintptr_t)0);
    spin_acquire(&free_lock);
    void *argument = record->argument;
    record->argument = record->argument_base = NULL;
    record->task.next = free_records != NULL ? &free_records->task : NULL;
    free_records = record;
    spin_release(&free_lock);
    return argument;
}

/* Block pointers are out of the collector's sight in static data when it was told not to look there; blocks are roots
 * of their own. */
static bool add_block(void)
{
    struct block *block = collector_alloc_root(sizeof *block);
    if (block == NULL) {
        errno = ENOMEM;
        return false;
    }
    struct block *head = load_relaxed(&blocks);
    do
        store_relaxed(&block->next, head);
    while (!cas_release(&blocks, &head, block)); /* release: whoever finds it finds it zeroed */
    for (unsigned i = 0; i < RECORDS_PER_BLOCK; i++)
        (void)give_free(&block->records[i]);
    return true;
}

static struct record *new_record(void)
{
    struct record *record;
    while ((record = take_free()) == NULL)
        if (!add_block())
            return NULL;
    return record;
}

/* ---- As tasks ---- */

static bool is_stopped(const struct task *task)
{
    return (load_relaxed(&record_of(task)->state) & STAGE_MASK) == STOPPED;
}

static bool begin(struct task *task)
{
    struct record *record = record_of(task);
    uint64_t state = load_relaxed(&record->state);
    if ((state & STAGE_MASK) != QUEUED || !cas_acquire(&record->state, &state, state - QUEUED + RUNNING))
        return false;
    sub_relaxed(&queued, 1u);
    return true;
}

static void run_record(struct task *task)
{
    struct record *record = record_of(task);
    record->function(argument_of(record->argument));
    add_relaxed(&run, 1u);
}

static void *end(struct task *task)
{
    struct record *record = record_of(task);
    store_release(&record->state, (uint64_t)FREE);
    return give_free(record);
}

static void begin_anew(struct task *task)
{
    struct record *record = record_of(task);
    store_relaxed(&record->state, load_relaxed(&record->state) - RUNNING + QUEUED);
    add_relaxed(&queued, 1u);
}

static const struct task_kind cleanup_task = {is_stopped, begin, run_record, end, begin_anew};

/* ---- A collection ---- */

void cleanup_mark_end(void)
{
    for (struct block *block = load_acquire(&blocks); block != NULL; block = load_relaxed(&block->next)) {
        for (unsigned i = 0; i < RECORDS_PER_BLOCK; i++) {
            struct record *record = &block->records[i];
            uint64_t state = load_acquire(&record->state); /* acquire: an armed record is filled in */
            if ((state & STAGE_MASK) == ARMED && !collector_lives((void *)~load_relaxed(&record->hidden_object)))
                store_relaxed(&record->state, state - ARMED + DOUBTED); /* the world is stopped */
        }
    }
}

void cleanup_reclaim_end(void)
{
    for (struct block *block = load_acquire(&blocks); block != NULL; block = load_relaxed(&block->next)) {
        for (unsigned i = 0; i < RECORDS_PER_BLOCK; i++) {
            struct record *record = &block->records[i];
            uint64_t state = load_relaxed(&record->state);
            if ((state & STAGE_MASK) != DOUBTED)
                continue;
            bool lives = collector_survived((void *)~load_relaxed(&record->hidden_object));
            uint64_t next = lives ? state - DOUBTED + ARMED : state - DOUBTED + QUEUED;
            /* Fails where it was stopped meanwhile. Release: an executor finds what was written here. */
            if (cas_release(&record->state, &state, next) && !lives) {
                sub_relaxed(&pending, 1u);
                add_relaxed(&queued, 1u);
                executor_push(&record->task);
            }
        }
    }
}

void cleanup_counts(struct cleanup_counts *counts)
{
    counts->pending = load_relaxed(&pending);
    counts->queued = load_relaxed(&queued);
    counts->run = load_relaxed(&run);
}

void cleanup_fork_prepare(void)
{
    spin_acquire(&free_lock);
}

void cleanup_fork_done(void)
{
    spin_release(&free_lock);
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
        return refuse_cleanup("the pointer leads neither to collected memory nor to static data");
    default:
        break;
    }
    if (argument != NULL && collector_base(argument) == base)
        return refuse_cleanup("the argument points into the object: the cleanup would never run");
    if (executor_ensure_threads() != 0) {
        errno = ENOMEM; /* a thread is memory, too */
        return -1;
    }
    struct record *record = new_record();
    if (record == NULL)
        return -1;
    void *stored;
    if (!argument_store(&stored, ARGUMENT_OF_CLEANUP, base, argument, __builtin_return_address(0))) {
        (void)give_free(record);
        return -1;
    }
    uint64_t number = add_relaxed(&numbers, 1u) + 1;
    record->task.kind = &cleanup_task;
    store_relaxed(&record->hidden_object, ~(uintptr_t)base);
    record->function = function;
    record->argument = stored;
    record->argument_base = stored != NULL ? collector_base(stored) : NULL;
    collector_wrote(record);
    add_relaxed(&pending, 1u);
    /* Release: a collection, or whoever stops it, finds the record filled in. */
    store_release(&record->state, state_of(number, ARMED));
    if (out != NULL)
        *out = (hapax_cleanup){number, record};
    keep_reachable(pointer);
    keep_reachable(stored);
    return 0;
}

void hapax_cleanup_stop(hapax_cleanup cleanup)
{
    struct record *record = cleanup.record;
    if (record == NULL || thread_enter() == NULL)
        return;
    uint64_t state = load_acquire(&record->state);
    for (;;) {
        enum stage stage = (enum stage)(state & STAGE_MASK);
        if (state >> STAGE_BITS != cleanup.id || (stage != ARMED && stage != DOUBTED && stage != QUEUED))
            return;
        /* A queued record stays where it is until the executor comes to it. */
        uint64_t next = stage == QUEUED ? state_of(cleanup.id, STOPPED) : (uint64_t)FREE;
        /* An executor that finds it stopped frees it under the lock: it is not used again before its argument is let go. */
        void *argument = NULL;
        spin_acquire(&free_lock);
        bool stopped = cas_acq_rel(&record->state, &state, next);
        if (stopped && stage == QUEUED) {
            argument = record->argument;
            record->argument = record->argument_base = NULL;
        }
        spin_release(&free_lock);
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
        return;
    }
}
