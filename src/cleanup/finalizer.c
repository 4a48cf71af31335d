/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <hapax/finalizer.h>

#include "cleanup/finalizer.h"

#include "base/refuse.h"
#include "cleanup/argument.h"
#include "cleanup/ephemeron.h"
#include "cleanup/executor.h"
#include "cleanup/record_index.h"
#include "cleanup/records.h"
#include "collector/collector.h"
#include "collector/mark.h"
#include "collector/reach.h"
#include "runtime/place.h"
#include "runtime/thread.h"

#include <errno.h>
#include <stdlib.h>

/* ---- Records ---- */

enum stage {
    FREE,
    ARMED,       /* the object lives, as far as the last collection knows */
    DOUBTED,     /* the collection that runs has not marked the object */
    CONDEMNED,   /* nor does anything that lives on reach it */
    QUEUED,      /* no longer the object's finalizer: waits, or runs */
};

/* The stage and the object of a record stand in its state. */
struct record {
    struct record_head head;
    struct task task;
    uintptr_t object;       /* QUEUED: the base, now seen by the collector. Before: 0 */
    unsigned short postponed; /* collections in a row that could not tell whether foreign finalizers reach the object */
    unsigned short header;  /* bytes in front of the object as the program knows it */
    void (*function)(void *object, void *argument);
    void *argument;
    void *argument_base;    /* of its object: a pointer into an object need not keep it alive everywhere */
    struct record *next;    /* inside a collection, of those doubted */
};

/* All but the taking and giving of records changes only while no collection runs and none can start: the collector's
 * exclusion is the only lock. */
static struct records records = {.size = sizeof(struct record)};

/* QUEUED: the program has freed the object, and only the argument is left to let go. */
#define FREED ((uintptr_t)1)

static struct record_index by_object;

/* Inside a collection. */
static struct record *doubted;
static struct record *freed;            /* the program has freed their objects by hand */
static bool unsure;                     /* the search from what foreign finalizers get was not complete */

/* An object that foreign finalizers bring back is back, or free of them, in the next collection; beyond a chain of so
 * many of them nothing more is to be expected. */
enum { MAX_POSTPONED = 3 };

static atomic_count queued, run;

static enum stage stage_of(const struct record *record)
{
    return (enum stage)load_relaxed(&record->head.state->state);
}

static void set_stage(struct record *record, enum stage stage)
{
    store_relaxed(&record->head.state->state, (uint64_t)stage);     /* relaxed: read under the same exclusion */
}

static uintptr_t hidden_object(const struct record *record)
{
    return load_relaxed(&record->head.state->hidden_object);
}

static void give_free(struct record *record)
{
    spin_acquire(&records_lock);
    set_stage(record, FREE);
    records_give(record);
    spin_release(&records_lock);
}

static struct record *find_record(uintptr_t hidden_object)
{
    struct record_state *state = record_index_find(&by_object, hidden_object);
    return state != NULL ? record_of_state(state) : NULL;
}

/* Gives back what finalizers that have run have left behind. The caller owns nothing. */
static void tidy(void)
{
    records_release(&records);
    record_index_narrow(&by_object);
}

/* ---- As tasks ---- */

static struct record *record_of(const struct task *task)
{
    return (struct record *)((uintptr_t)task - offsetof(struct record, task));
}

static bool is_stopped(const struct task *task)
{
    (void)task;
    return false;
}

static bool begin(struct task *task)
{
    (void)task;
    sub_relaxed(&queued, 1u);
    return true;
}

static void run_record(struct task *task)
{
    struct record *record = record_of(task);
    tidy();
    /* Nothing is left to finalize of what the program has freed. */
    if (record->object == FREED)
        return;
    record->function((char *)record->object + record->header, argument_of(record->argument));
    add_relaxed(&run, 1u);
}

static void *end(struct task *task)
{
    struct record *record = record_of(task);
    void *argument = record->argument;
    give_free(record);
    return argument;
}

static void begin_anew(struct task *task)
{
    (void)task;
    add_relaxed(&queued, 1u);
}

static const struct task_kind finalizer_task = {is_stopped, begin, run_record, end, begin_anew};

void finalizer_counts(struct finalizer_counts *counts)
{
    counts->queued = load_relaxed(&queued);
    counts->run = load_relaxed(&run);
}

/* ---- A collection ---- */

static void *object_of(const struct record *record)
{
    return (void *)~hidden_object(record);
}

static void move_to(struct record **list, struct record *record)
{
    record->next = *list;
    *list = record;
}

static void find_doubted(void)
{
    doubted = freed = NULL;
    FOR_EACH_STATE(at, &records)
    {
        void *object = (void *)~load_relaxed(&at->hidden_object);
        if (load_relaxed(&at->state) != ARMED || collector_lives(object))
            continue;
        struct record *record = record_of_state(at);
        set_stage(record, DOUBTED);
        move_to(collector_is_object(object) ? &doubted : &freed, record);
    }
}

/* A record that is doubted no longer leaves the list. */
static void sort_out(void)
{
    for (struct record **at = &doubted; *at != NULL;) {
        struct record *record = *at;
        if (!collector_is_marked(object_of(record))) {
            set_stage(record, CONDEMNED);
            at = &record->next;
        } else {
            set_stage(record, ARMED);
            *at = record->next;
            record->next = NULL;
        }
    }
}

void finalizer_mark_end(void)
{
    find_doubted();
    if (doubted == NULL)
        return;
    for (struct record *record = doubted; record != NULL; record = record->next) {
        mark_contents(object_of(record));
        ephemeron_drain();
    }
    ephemeron_catch_up();
    sort_out();
    /* A condemned object lives on for its finalizer, and so do the values that weak maps hold for it. They come last:
     * a value may refer back to its key without being a reason to keep the finalizer from running. */
    for (struct record *record = doubted; ephemeron_waits() && record != NULL; record = record->next) {
        bool reached = collector_is_marked(object_of(record));
        ephemeron_wake(object_of(record));
        if (!reached && collector_is_marked(object_of(record)))
            collector_unmark(object_of(record));
    }
    ephemeron_catch_up();
    sort_out();
}

void finalizer_mark_condemned(void)
{
    for (struct record *record = doubted; record != NULL; record = record->next)
        collector_mark(object_of(record));
}

bool finalizer_doubts(void)
{
    return doubted != NULL && !unsure;
}

void finalizer_reached(const void *base)
{
    struct record *record = find_record(~(uintptr_t)base);
    if (record != NULL && stage_of(record) == CONDEMNED)
        set_stage(record, ARMED);
}

void finalizer_unsure(void)
{
    unsure = true;
}

void finalizer_settle(void)
{
    for (struct record **at = &doubted; *at != NULL;) {
        struct record *record = *at;
        if (unsure && stage_of(record) == CONDEMNED && record->postponed < MAX_POSTPONED) {
            record->postponed++;
            set_stage(record, ARMED);
        }
        if (stage_of(record) == CONDEMNED) {
            at = &record->next;
        } else {
            *at = record->next;
            record->next = NULL;
        }
    }
    unsure = false;
    reach_forget();
}

bool finalizer_condemned(const void *base)
{
    if (doubted == NULL)
        return false;
    const struct record *record = find_record(~(uintptr_t)base);
    return record != NULL && stage_of(record) == CONDEMNED;
}

static void queue(struct record **list)
{
    while (*list != NULL) {
        struct record *record = *list;
        void *object = object_of(record);
        *list = record->next;
        record_index_remove(&by_object, hidden_object(record));
        record->next = NULL;
        set_stage(record, QUEUED);
        /* What was condemned is marked. The collector takes that back from what stands in its lists of free memory. */
        record->object = collector_survived(object) ? (uintptr_t)object : FREED;
        collector_wrote(record);
        record->task.kind = &finalizer_task;
        add_relaxed(&queued, 1u);
        executor_push(&record->task);
    }
}

void finalizer_reclaim_end(void)
{
    queue(&doubted);
    queue(&freed);
}

/* ---- The public functions ---- */

struct request {
    uintptr_t object;               /* complement */
    struct record *record;          /* filled in, to set; what is left in it is to be given back */
    enum { DONE, EXISTS, WANTS_ROOM } outcome;
};

static void remove_excluded(void *data)
{
    struct request *request = data;
    request->record = find_record(request->object);
    if (request->record == NULL)
        return;
    record_index_remove(&by_object, request->object);
    set_stage(request->record, FREE);
}

static void set_excluded(void *data)
{
    struct request *request = data;
    struct record *record = request->record;
    if (find_record(request->object) != NULL) {
        request->outcome = EXISTS;
        return;
    }
    if (record_index_is_full(&by_object)) {
        request->outcome = WANTS_ROOM;
        return;
    }
    struct record_state *state = record->head.state;
    store_relaxed(&state->hidden_object, request->object);
    set_stage(record, ARMED);
    record_index_add(&by_object, state);
    request->record = NULL;
    request->outcome = DONE;
}

static int set(struct request *request)
{
    for (;;) {
        collector_exclude(set_excluded, request);
        switch (request->outcome) {
        case DONE:
            return 0;
        case EXISTS:
            return refuse(EEXIST, "hapax_set_finalizer", "the object has a finalizer already");
        case WANTS_ROOM:
            if (!record_index_fit(&by_object))
                return -1;
        }
    }
}

/* What a request has left. The caller owns nothing. */
static void let_go(struct request *request)
{
    struct record *record = request->record;
    if (record == NULL)
        return;
    void *argument = record->argument;
    give_free(record);
    argument_drop(argument);
}

static int refuse_finalizer(const char *reason)
{
    return refuse(EINVAL, "hapax_set_finalizer", reason);
}

int hapax_set_finalizer(void *object, void (*function)(void *object, void *argument), void *argument)
{
    if (thread_enter() == NULL)
        return -1;
    if (object == NULL)
        return refuse_finalizer("the object is NULL");
    void *base;
    switch (memory_place(object, &base)) {
    case MEMORY_STATIC:
        return 0;
    case MEMORY_FOREIGN:
        return refuse_finalizer("the object is neither collected memory nor static data");
    default:
        break;
    }
    if (base != object && collector_first_byte(base) != object)
        return refuse_finalizer("the pointer is not the first byte of the object");
    tidy();
    struct request request = {.object = ~(uintptr_t)base};
    if (function == NULL) {
        collector_exclude(remove_excluded, &request);
        let_go(&request);
        return 0;
    }
    if (collector_is_value(base))
        return refuse_finalizer("the object is a handle");
    if (!mark_prepare() || !reach_prepare() || executor_ensure_threads() != 0) {
        errno = ENOMEM; /* a thread is memory, too */
        return -1;
    }
    collector_watch();
    struct record *record = records_take(&records);
    if (record == NULL)
        return -1;
    request.record = record;
    record->function = function;
    record->header = (unsigned short)((char *)object - (char *)base);
    int result = -1;
    if (argument_store(&record->argument, ARGUMENT_OF_FINALIZER, base, argument, __builtin_return_address(0))) {
        if (record->argument != NULL)
            record->argument_base = collector_base(record->argument);
        collector_wrote(record);
        result = set(&request);
    }
    let_go(&request);
    keep_reachable(argument);
    keep_reachable(object);
    return result;
}

void hapax_keep_alive(const void *pointer)
{
    thread_enter_reader();
    keep_reachable(pointer);
}
