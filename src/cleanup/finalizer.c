#include "config.h"

#include <hapax/finalizer.h>

#include "cleanup/finalizer.h"

#include "base/refuse.h"
#include "cleanup/argument.h"
#include "cleanup/ephemeron.h"
#include "cleanup/executor.h"
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

/* In memory that the collector searches, so that `argument` is kept alive; never moved or freed. */
struct record {
    struct task task;
    enum stage stage;
    unsigned postponed;     /* collections in a row that could not tell whether foreign finalizers reach the object */
    uintptr_t object;       /* complement of the base, so that the collector does not see it; QUEUED: the base, so
                             * that it does */
    void (*function)(void *object, void *argument);
    void *argument;
    void *argument_base;    /* of its object: a pointer into an object need not keep it alive everywhere */
    struct record *next;    /* of the free ones; inside a collection, of those doubted */
};

/* QUEUED: the program has freed the object, and only the argument is left to let go. */
#define FREED ((uintptr_t)1)

enum { RECORDS_PER_BLOCK = 50 };

struct block {
    struct block *next;
    struct record records[RECORDS_PER_BLOCK];
};

/* Records and the index below change only while no collection runs and none can start: the collector's exclusion is
 * the only lock. Only `ended` is pushed to at any time. */
static struct block *blocks;
static struct record *free_records;
static struct record *_Atomic ended;    /* finalizers that have run; their records are free */

/* Records by their objects: linear probing. Memory of malloc's, allocated outside the exclusion. */
static struct record **rows;
static size_t rows_room, rows_used;     /* the room is a power of two, or 0 */

/* Inside a collection. */
static struct record *doubted;
static struct record *freed;            /* the program has freed their objects by hand */
static bool unsure;                     /* the search from what foreign finalizers get was not complete */

/* An object that foreign finalizers bring back is back, or free of them, in the next collection; beyond a chain of so many
 * of them nothing more is to be expected. */
enum { MAX_POSTPONED = 3 };

static atomic_count queued, run;

/* ---- The index ---- */

static size_t home_row(uintptr_t object)
{
    return (size_t)(object / COLLECTOR_GRANULE * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (rows_room - 1);
}

static size_t next_row(size_t row)
{
    return (row + 1) & (rows_room - 1);
}

/* The row of this object, or the free one where its search ends. There is one. */
static struct record **find_row(uintptr_t object)
{
    size_t row = home_row(object);
    while (rows[row] != NULL && rows[row]->object != object)
        row = next_row(row);
    return &rows[row];
}

static struct record *find_record(uintptr_t object)
{
    return rows_room != 0 ? *find_row(object) : NULL;
}

static void remove_row(struct record **place)
{
    size_t hole = (size_t)(place - rows);
    rows[hole] = NULL;
    rows_used--;
    /* What a search would no longer reach moves into the hole. */
    for (size_t row = next_row(hole); rows[row] != NULL; row = next_row(row)) {
        size_t home = home_row(rows[row]->object);
        if (((row - home) & (rows_room - 1)) >= ((row - hole) & (rows_room - 1))) {
            rows[hole] = rows[row];
            rows[row] = NULL;
            hole = row;
        }
    }
}

static bool index_is_full(void)
{
    return (rows_used + 1) * 4 > rows_room * 3;
}

/* Takes over a larger array; what it returns is left to free. */
static struct record **grow_index(struct record **larger, size_t room)
{
    struct record **old = rows;
    size_t old_room = rows_room;
    rows = larger;
    rows_room = room;
    for (size_t i = 0; i < old_room; i++)
        if (old[i] != NULL)
            *find_row(old[i]->object) = old[i];
    return old;
}

/* ---- As tasks ---- */

static struct record *record_of(const struct task *task)
{
    return (struct record *)(uintptr_t)task;   /* its first member */
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
    /* Nothing is left to finalize of what the program has freed. */
    if (record->object == FREED)
        return;
    record->function((void *)record->object, argument_of(record->argument));
    add_relaxed(&run, 1u);
}

static void *end(struct task *task)
{
    struct record *record = record_of(task);
    void *argument = record->argument;
    record->object = 0;
    record->argument = record->argument_base = NULL;
    record->next = load_relaxed(&ended);
    while (!cas_release(&ended, &record->next, record)) /* release: whoever takes it finds it emptied */
        ;
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
    return (void *)~record->object;
}

static void move_to(struct record **list, struct record *record)
{
    record->next = *list;
    *list = record;
}

static void find_doubted(void)
{
    doubted = freed = NULL;
    for (struct block *block = blocks; block != NULL; block = block->next) {
        for (unsigned i = 0; i < RECORDS_PER_BLOCK; i++) {
            struct record *record = &block->records[i];
            if (record->stage != ARMED || collector_lives(object_of(record)))
                continue;
            record->stage = DOUBTED;
            move_to(collector_is_object(object_of(record)) ? &doubted : &freed, record);
        }
    }
}

/* A record that is doubted no longer leaves the list. */
static void sort_out(void)
{
    for (struct record **at = &doubted; *at != NULL;) {
        struct record *record = *at;
        if (!collector_is_marked(object_of(record))) {
            record->stage = CONDEMNED;
            at = &record->next;
        } else {
            record->stage = ARMED;
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
    sort_out();
    /* A condemned object lives on for its finalizer, and so do the values that weak maps hold for it. They come last:
     * a value may refer back to its key without being a reason to keep the finalizer from running. */
    for (struct record *record = doubted; ephemeron_waits() && record != NULL; record = record->next) {
        bool reached = collector_is_marked(object_of(record));
        ephemeron_wake(object_of(record));
        if (!reached && collector_is_marked(object_of(record)))
            collector_unmark(object_of(record));
    }
    sort_out();
}

void finalizer_mark_condemned(void)
{
    for (struct record *record = doubted; record != NULL; record = record->next)
        collector_mark(object_of(record));
}

static bool enter(const void *base)
{
    struct record *record = find_record(~(uintptr_t)base);
    if (record != NULL && record->stage == CONDEMNED)
        record->stage = ARMED;
    return true;
}

/* The collector itself cannot tell: to it, what was condemned is marked. */
void finalizer_brought_back(const void *object)
{
    if (doubted != NULL && !unsure && !reach_search(object, enter))
        unsure = true;
}

void finalizer_settle(void)
{
    for (struct record **at = &doubted; *at != NULL;) {
        struct record *record = *at;
        if (unsure && record->stage == CONDEMNED && record->postponed < MAX_POSTPONED) {
            record->postponed++;
            record->stage = ARMED;
        }
        if (record->stage == CONDEMNED) {
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
    return record != NULL && record->stage == CONDEMNED;
}

static void queue(struct record **list)
{
    while (*list != NULL) {
        struct record *record = *list;
        void *object = object_of(record);
        *list = record->next;
        remove_row(find_row(record->object));
        record->next = NULL;
        record->stage = QUEUED;
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
    void (*function)(void *, void *);
    void *argument, *argument_base;
    /* What was found missing, and then brought along. */
    struct block *block;
    struct record **rows;
    size_t rows_room;
    enum { DONE, EXISTS, WANTS_BLOCK, WANTS_ROWS } outcome;
};

static void put_free(struct record *record)
{
    record->stage = FREE;
    record->next = free_records;
    free_records = record;
}

static struct record *take_free(struct request *request)
{
    struct record *record = exchange_acquire(&ended, NULL); /* acquire: pairs with end */
    while (record != NULL) {
        struct record *next = record->next;
        put_free(record);
        record = next;
    }
    if (free_records == NULL && request->block != NULL) {
        for (unsigned i = 0; i < RECORDS_PER_BLOCK; i++)
            put_free(&request->block->records[i]);
        request->block->next = blocks;
        blocks = request->block;
        request->block = NULL;
    }
    record = free_records;
    if (record != NULL)
        free_records = record->next;
    return record;
}

static void remove_excluded(void *data)
{
    struct request *request = data;
    struct record *record = find_record(request->object);
    if (record == NULL)
        return;
    remove_row(find_row(request->object));
    request->argument = record->argument;
    record->object = 0;
    record->argument = record->argument_base = NULL;
    put_free(record);
}

static void set_excluded(void *data)
{
    struct request *request = data;
    if (find_record(request->object) != NULL) {
        request->outcome = EXISTS;
        return;
    }
    if (index_is_full() && request->rows_room > rows_room) {
        struct record **old = grow_index(request->rows, request->rows_room);
        request->rows = old;
        request->rows_room = 0;
    }
    if (index_is_full()) {
        request->outcome = WANTS_ROWS;
        request->rows_room = rows_room != 0 ? 2 * rows_room : 64;
        return;
    }
    struct record *record = take_free(request);
    if (record == NULL) {
        request->outcome = WANTS_BLOCK;
        return;
    }
    record->object = request->object;
    record->function = request->function;
    record->argument = request->argument;
    record->argument_base = request->argument_base;
    record->next = NULL;
    record->postponed = 0;
    record->stage = ARMED;
    collector_wrote(record);
    *find_row(record->object) = record;
    rows_used++;
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
        case WANTS_BLOCK:
            request->block = collector_alloc_root(sizeof *request->block);
            if (request->block != NULL)
                break;
            errno = ENOMEM;
            return -1;
        case WANTS_ROWS:
            free(request->rows);
            request->rows = calloc(request->rows_room, sizeof *request->rows);
            if (request->rows == NULL)
                return -1;
        }
    }
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
    if (base != object)
        return refuse_finalizer("the pointer does not lead to the object's first byte");
    struct request request = {.object = ~(uintptr_t)base, .function = function, .argument = argument};
    if (function == NULL) {
        request.argument = NULL;
        collector_exclude(remove_excluded, &request);
        argument_drop(request.argument);
        return 0;
    }
    if (collector_is_value(base))
        return refuse_finalizer("the object is a handle");
    if (!mark_prepare() || !reach_prepare() || executor_ensure_threads() != 0) {
        errno = ENOMEM; /* a thread is memory, too */
        return -1;
    }
    if (!argument_store(&request.argument, ARGUMENT_OF_FINALIZER, base, argument, __builtin_return_address(0)))
        return -1;
    if (request.argument != NULL)
        request.argument_base = collector_base(request.argument);
    int result = set(&request);
    if (result != 0)
        argument_drop(request.argument);
    free(request.rows);
    if (request.block != NULL)
        collector_free_root(request.block);
    keep_reachable(argument);
    keep_reachable(object);
    return result;
}

void hapax_keep_alive(const void *pointer)
{
    thread_enter_reader();
    keep_reachable(pointer);
}
